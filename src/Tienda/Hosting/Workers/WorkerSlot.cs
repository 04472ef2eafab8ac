namespace Tienda.Hosting.Workers;

/// <summary>The place of a worker and the one that has it now.</summary>
public sealed class WorkerSlot : IDisposable
{
    private readonly SemaphoreSlim _gate = new(1);
    private WorkerProcess? _notReplaced;

    public WorkerProcess? Worker { get; set; }

    public bool HasFailedToReplace(WorkerProcess worker) => worker == _notReplaced;

    public void KeepInstead(WorkerProcess old) => Worker = _notReplaced = old;

    public async Task<IDisposable> LockAsync(CancellationToken ct)
    {
        await _gate.WaitAsync(ct);
        return new Turn(_gate);
    }

    public void Dispose() => _gate.Dispose();

    private sealed class Turn(SemaphoreSlim gate) : IDisposable
    {
        public void Dispose() => gate.Release();
    }
}
