namespace Stoker.ControlPlane.Gateway;

/// <summary>Bounds the memory that all bodies and whole answers take together.</summary>
internal sealed class BodyBudget(long limitBytes)
{
    private long _takenBytes;

    public long TakenBytes => Interlocked.Read(ref _takenBytes);

    public bool TryTake(int sizeBytes)
    {
        if (Interlocked.Add(ref _takenBytes, sizeBytes) <= limitBytes) return true;
        Interlocked.Add(ref _takenBytes, -sizeBytes);
        return false;
    }

    public void Adjust(int sizeBytes) => Interlocked.Add(ref _takenBytes, sizeBytes);
}
