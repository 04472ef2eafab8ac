using System.Collections.Concurrent;
using System.Runtime.CompilerServices;

namespace Tienda.Data;

/// <summary>
/// What a question to the database is called in logs, in metrics and, as a comment before its text, by PostgreSQL itself: the class and the
/// method that ask it, such as <c>ProductStore.Find</c>.
/// </summary>
public sealed class QueryName
{
    private const string Async = "Async";

    private static readonly ConcurrentDictionary<Place, QueryName> Known = new();

    private QueryName(string text) => (Text, Comment) = (text, $"/* {text} */ ");

    public string Text { get; }

    /// <summary>What stands before the text of a statement, where pg_stat_activity and pg_stat_statements show it.</summary>
    public string Comment { get; }

    /// <summary>The end of a transaction that the method has begun.</summary>
    public QueryName Commit => field ??= new QueryName(Text + " commit");

    /// <summary>The end of a transaction of which nothing is kept.</summary>
    public QueryName Rollback => field ??= new QueryName(Text + " rollback");

    /// <param name="file">What the compiler gives as CallerFilePath.</param>
    /// <param name="member">What the compiler gives as CallerMemberName.</param>
    public static QueryName Of(string file, string member)
    {
        var place = new Place(file, member);
        return Known.TryGetValue(place, out var known) ? known : Known.GetOrAdd(place, static from => new QueryName(from.Describe()));
    }

    public override string ToString() => Text;

    // The compiler gives the same strings whenever the same place calls: their addresses tell places apart, faster than their letters.
    private readonly record struct Place(string File, string Member)
    {
        public bool Equals(Place other) => ReferenceEquals(File, other.File) && ReferenceEquals(Member, other.Member);

        public override int GetHashCode() => RuntimeHelpers.GetHashCode(File) ^ (31 * RuntimeHelpers.GetHashCode(Member));

        public string Describe()
        {
            var method = Member.EndsWith(Async, StringComparison.Ordinal) ? Member[..^Async.Length] : Member;
            return $"{Path.GetFileNameWithoutExtension(File)}.{method}";
        }
    }
}
