using System.Numerics;
using System.Runtime.InteropServices;

namespace Stoker.Benchmarks.Comparing;

/// <summary>What both sides compute: the same tokens in the same order.</summary>
internal sealed class Workload(int vocabulary)
{
    /// <summary>Short, so that decode means weights and not attention, and long enough to be no special case.</summary>
    public const int DecodePrompt = 16;

    /// <summary>Positions that a sequence of a decode timing may reach.</summary>
    public const int DecodeContext = 256;

    /// <summary>Tokens of the prompt that ends a load.</summary>
    public const int FirstPrompt = 8;

    /// <summary>Ids that every model of the benches has.</summary>
    public const int SmallestVocabulary = 1000;

    private uint _state = 12345 + (uint)vocabulary;

    /// <summary>The tokens whose logits are compared.</summary>
    public int[] Check => [.. Enumerable.Range(0, DecodePrompt).Select(index => (17 + (index * 7919)) % vocabulary)];

    /// <summary>Next token of the seeded sequence.</summary>
    public int Next()
    {
        _state = (_state * 1103515245) + 12345;
        return (int)((_state >> 8) % (uint)vocabulary);
    }

    public int[] Tokens(int count)
    {
        var tokens = new int[count];
        for (var index = 0; index < count; index++) tokens[index] = Next();
        return tokens;
    }

    /// <summary>
    /// Index of the first largest value; the same code for both sides, vectorised, so that neither pays for the other's
    /// style.
    /// </summary>
    public static int ArgMax(ReadOnlySpan<float> logits)
    {
        var largest = new Vector<float>(float.NegativeInfinity);
        var vectors = MemoryMarshal.Cast<float, Vector<float>>(logits);
        foreach (var vector in vectors) largest = Vector.Max(largest, vector);
        var best = float.NegativeInfinity;
        for (var lane = 0; lane < Vector<float>.Count; lane++) best = Math.Max(best, largest[lane]);
        foreach (var value in logits[(vectors.Length * Vector<float>.Count)..]) best = Math.Max(best, value);
        return logits.IndexOf(best);
    }
}
