namespace Stoker.Engine.Sampling;

/// <summary>Memory that sampling needs for a row, made once: one loop samples one row after another.</summary>
internal sealed class SamplingScratch(int vocabularySize)
{
    public float[] Logits { get; } = new float[vocabularySize];

    public int[] Ids { get; } = new int[vocabularySize];

    public double[] Weights { get; } = new double[vocabularySize];

    public CandidateHeap Heap { get; } = new(vocabularySize);
}
