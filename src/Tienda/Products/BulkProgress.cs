namespace Tienda.Products;

/// <summary>How far the changes of one request have come.</summary>
public sealed class BulkProgress
{
    private readonly List<BulkEditOutcome> _outcomes = [];
    private readonly HashSet<long> _named = [];
    private IReadOnlyList<BulkEditOutcome>? _committing;

    /// <summary>Changes whose outcome is known.</summary>
    public int Done => _outcomes.Count;

    /// <summary>Products that a change has named. Only the first change of a product counts.</summary>
    public IReadOnlySet<long> Named => _named;

    /// <summary>Whether all of it was answered before.</summary>
    public bool IsReplayed { get; private set; } = true;

    /// <summary>Whether a change was made, or is in doubt: whoever does not hear of it makes it twice.</summary>
    public bool MayHaveChanged => _outcomes.Concat(_committing ?? []).Any(outcome => outcome.Outcome == BulkEditOutcome.Ok);

    public BulkEditAnswer Answer
    {
        get
        {
            var changed = _outcomes.Count(outcome => outcome.Outcome == BulkEditOutcome.Ok);
            var unfinished = _outcomes.Count(outcome => outcome.Outcome is BulkEditOutcome.NotMade or BulkEditOutcome.InDoubt);
            return new BulkEditAnswer
            {
                Changed = changed,
                Refused = _outcomes.Count - changed - unfinished,
                Unfinished = unfinished,
                Items = _outcomes,
            };
        }
    }

    /// <summary>A portion is about to be committed: until it is noted, nobody knows whether it was.</summary>
    public void Commit(IReadOnlyList<BulkEditOutcome> outcomes) => _committing = outcomes;

    /// <summary>A portion was rolled back, if need be by the server instead of its commit.</summary>
    public void RollBack() => _committing = null;

    /// <summary>A portion is done.</summary>
    /// <param name="replayed">Whether it was before.</param>
    public void Note(IReadOnlyList<BulkEditOutcome> outcomes, bool replayed)
    {
        _committing = null;
        _outcomes.AddRange(outcomes);
        // A product that was not found has no change that could count instead of a later one.
        _named.UnionWith(outcomes.Where(outcome => outcome.Outcome != BulkEditOutcome.NotFound).Select(outcome => outcome.IdKey!.Value));
        IsReplayed &= replayed;
    }

    /// <summary>Nothing more can be done.</summary>
    public void BreakOff(IReadOnlyList<BulkEdit> edits)
    {
        _outcomes.AddRange((_committing ?? []).Select(outcome => outcome.Outcome == BulkEditOutcome.Ok
            ? outcome with { Outcome = BulkEditOutcome.InDoubt, Etag = null }
            : outcome));
        _outcomes.AddRange(edits.Skip(Done).Select(edit => new BulkEditOutcome { IdKey = edit.IdKey, Outcome = BulkEditOutcome.NotMade }));
        IsReplayed = false;
    }
}
