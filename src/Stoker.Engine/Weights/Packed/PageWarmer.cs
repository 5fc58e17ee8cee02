using Stoker.Engine.Native;

namespace Stoker.Engine.Weights.Packed;

/// <summary>
/// Brings mapped weights in, in the order of their first use, beside the rest of a start: tokenizer, template and
/// listener take the other cores meanwhile, and the first step finds its pages.
/// </summary>
/// <remarks>
/// Only what every step needs: an embedding that is looked up row by row, and experts of which a token takes a few, come
/// in with their use. Pages are those of the system's file cache: this takes no memory of its own.
/// </remarks>
internal sealed unsafe class PageWarmer : IDisposable
{
    /// <summary>A stop is seen after so much: some milliseconds from the cache, a tenth of a second from a disk.</summary>
    private const long PieceBytes = 16 << 20;

    private readonly Thread _thread;
    private readonly PanelMatrix[] _parts; // no tuples, no queries: each would be compiled at the start
    private volatile bool _stopped;

    /// <param name="parts">In the order of use; mapped until this is disposed.</param>
    public PageWarmer(PanelMatrix[] parts)
    {
        _parts = parts;
        _thread = new Thread(Warm) { IsBackground = true, Name = "warm weights" };
        _thread.Start();
    }

    /// <summary>Waits for the piece at work.</summary>
    public void Dispose()
    {
        _stopped = true;
        _thread.Join();
    }

    /// <summary>All is in; for tests and tools.</summary>
    public void WaitForEnd() => _thread.Join();

    private void Warm()
    {
        foreach (var part in _parts)
        {
            var start = part.Panel(0);
            var length = part.SizeBytes;
            for (var done = 0L; done < length && !_stopped; done += PieceBytes)
            {
                MemoryAdvice.Populate(start + done, Math.Min(PieceBytes, length - done));
            }
        }
    }
}
