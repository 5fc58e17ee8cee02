using Stoker.Api.Names;

namespace Stoker.ControlPlane.Models;

/// <summary>
/// One at a time per model for the moments when files and row must agree: an upload's rename, an inspection, a delete.
/// Models share a fixed number of gates, so that names alone cost no memory; two that share one wait for each other, no
/// more.
/// </summary>
internal sealed class ModelGates : IDisposable
{
    private readonly SemaphoreSlim[] _gates = [.. Enumerable.Range(0, 64).Select(_ => new SemaphoreSlim(1))];

    public async Task<IDisposable> EnterAsync(ModelName name, CancellationToken cancellation)
    {
        var gate = _gates[(uint)name.GetHashCode() % _gates.Length];
        await gate.WaitAsync(cancellation);
        return new Passage(gate);
    }

    public void Dispose()
    {
        foreach (var gate in _gates) gate.Dispose();
    }

    private sealed class Passage(SemaphoreSlim gate) : IDisposable
    {
        public void Dispose() => gate.Release();
    }
}
