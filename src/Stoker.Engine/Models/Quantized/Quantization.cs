using Stoker.Engine.Weights;

namespace Stoker.Engine.Models.Quantized;

/// <summary>What one scale of a quantised weight is for.</summary>
internal enum ScaleStrategy
{
    Tensor, Channel, Block,
}

/// <summary>How the weights of one group of modules are stored.</summary>
/// <param name="Type">Of the codes: F8_E4M3, or I8.</param>
/// <param name="ScaleName">The scale's tensor is the module's path and this.</param>
/// <param name="BlockRows">Of <see cref="ScaleStrategy.Block"/>.</param>
internal sealed record StoredForm(TensorType Type, ScaleStrategy Strategy, string ScaleName, int BlockRows = 1, int BlockColumns = 1)
{
    public override string ToString() => Type.HeaderName() + Strategy switch
    {
        ScaleStrategy.Tensor => " with one scale per tensor",
        ScaleStrategy.Channel => " with one scale per row",
        _ => $" with one scale per block of {BlockRows} x {BlockColumns}",
    };
}

/// <summary>Modules and their form; the first group that has a module counts.</summary>
internal sealed record QuantizedGroup(ModuleList Targets, StoredForm Form);

/// <summary>What config.json says of a checkpoint whose projections are stored as codes with scales.</summary>
/// <param name="Method">As the file names it, such as <c>fp8</c>.</param>
/// <param name="Ignored">Modules that the author left in 16 bits.</param>
internal sealed record Quantization(string Method, IReadOnlyList<QuantizedGroup> Groups, ModuleList Ignored)
{
    /// <summary>What <see cref="Precision.Auto"/> is for such a checkpoint: the nearest of our own to what is stored.</summary>
    public Precision Precision => Groups.Any(group => group.Form.Type == TensorType.F8E4M3) ? Precision.Fp8 : Precision.Int8;

    /// <summary>Null: the file says that the module is not quantised.</summary>
    public StoredForm? FormOf(string module) =>
        Ignored.Contains(module) ? null : Groups.FirstOrDefault(group => group.Targets.Contains(module))?.Form;

    /// <summary>One line for people.</summary>
    public override string ToString() => $"{Method}: {string.Join("; ", Groups.Select(group => group.Form).Distinct())}";
}
