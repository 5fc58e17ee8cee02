namespace Stoker.Engine.Speculation;

/// <summary>What a drafter's model adds to the engine's memory.</summary>
/// <param name="BlockBytes">Of each block of the KV cache.</param>
internal sealed record DraftMemory(long WeightBytes, long StepBytes, long BlockBytes)
{
    public static readonly DraftMemory None = new(0, 0, 0);
}
