using Stoker.Engine.Weights;

namespace Stoker.Engine.Models.Preparing;

/// <summary>One tensor of a file that is written.</summary>
/// <param name="Begin">First byte behind the header.</param>
internal sealed record PreparedTensor(string Name, TensorType Type, IReadOnlyList<long> Shape, long Begin)
{
    public long LengthBytes { get; } = Shape.Aggregate(1L, (product, size) => product * size) * Type.Bits() / 8;
}

/// <summary>A weight that becomes codes and scales.</summary>
internal sealed record QuantisedTensor(WeightMatrix Source, PreparedTensor Codes, PreparedTensor Scales);
