namespace Stoker.Engine.Sampling;

/// <summary>Memory that sampling a row needs, made once: a thread samples one row after another.</summary>
internal sealed class SamplingScratch(int vocabularySize)
{
    public const int BytesPerToken = sizeof(float) + sizeof(ulong) + sizeof(double);

    /// <summary>A row with penalties, bias and masks.</summary>
    public float[] Logits { get; } = new float[vocabularySize];

    /// <summary>Of <see cref="HighestTokens"/>.</summary>
    public ulong[] Keys { get; } = new ulong[vocabularySize];

    /// <summary>Of the tokens that may be drawn, in the order of their keys; of blocks of the row where there is no order.</summary>
    public double[] Weights { get; } = new double[vocabularySize];
}
