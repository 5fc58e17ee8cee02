namespace Stoker.Engine.Weights;

/// <summary>A tensor, or a part of one, that goes into a packed matrix; named so that an error can say which it was.</summary>
internal sealed record PackSource(string File, string Tensor, WeightMatrix Matrix);

/// <summary>One matrix or vector of a packed model: what it is called there, what it is made of.</summary>
/// <remarks>
/// A matrix is the rows of its sources one below the other, in panels of one format. A vector is float32 as it is used:
/// Gemma's norms already hold 1 + w, biases of fused projections stand behind each other.
/// </remarks>
internal sealed record PackItem
{
    public required string Name { get; init; }

    /// <summary>F32 for a vector.</summary>
    public required WeightFormat Format { get; init; }

    /// <summary>1 for a vector.</summary>
    public required int Rows { get; init; }

    public required int Columns { get; init; }

    /// <summary>Empty for a vector. Views into the checkpoint, without bytes where only headers were read.</summary>
    public IReadOnlyList<PackSource> Sources { get; init; } = [];

    /// <summary>Null for a matrix.</summary>
    public float[]? Vector { get; init; }

    public bool IsMatrix => Vector is null;

    /// <summary>Bytes in memory and in a packed file.</summary>
    public long SizeBytes => IsMatrix ? PanelLayout.SizeOf(Format, Rows, Columns) : (long)Columns * sizeof(float);
}
