using Stoker.Testing;
using Stoker.Testing.Checkpoints;

namespace Stoker.Engine.Tests.Models.Quantized;

/// <summary>A test model stored in one of the vendors' forms, and the same numbers in float32.</summary>
internal sealed class QuantizedModel : IDisposable
{
    public static readonly Dictionary<string, QuantizedForm> Forms = new()
    {
        ["fp8 tensor"] = QuantizedForm.Tensors(),
        ["fp8 blocks"] = QuantizedForm.Blocks(48, 40), // neither divides rows, columns, panels or slices
        ["fp8 blocks of 128"] = QuantizedForm.Blocks(128, 128),
        ["fp8 blocks, powers of two"] = QuantizedForm.Blocks(48, 40) with { HasPowerOfTwoScales = true },
        ["fbgemm"] = QuantizedForm.Fbgemm(),
        ["compressed tensor"] = QuantizedForm.CompressedTensors("tensor"),
        ["compressed channel"] = QuantizedForm.CompressedTensors("channel"),
        ["compressed channel, bf16 scales"] = QuantizedForm.CompressedTensors("channel") with { ScaleType = "BF16" },
        ["compressed block"] = QuantizedForm.CompressedTensors("block", blockRows: 32, blockColumns: 64),
        ["compressed int8"] = QuantizedForm.CompressedTensors("channel", isInt8: true),
    };

    private readonly TemporaryFolder _stored = new();
    private readonly TemporaryFolder _numbers = new();

    public QuantizedModel(string model, string form, Func<string, bool>? keep = null)
        : this(model, Forms[form], keep)
    {
    }

    public QuantizedModel(string model, QuantizedForm form, Func<string, bool>? keep = null)
    {
        var source = model.StartsWith("story", StringComparison.Ordinal) ? TestData.Model(model) : TestData.Architecture(model);
        QuantizedFolder.Write(source, _stored.Path, form, keep);
        QuantizedFolder.WriteDequantised(source, _numbers.Path, form, keep);
    }

    public string Folder => _stored.Path;

    /// <summary>With codes times scales in float32.</summary>
    public string NumbersFolder => _numbers.Path;

    public TemporaryFolder Stored => _stored;

    public void Dispose()
    {
        _stored.Dispose();
        _numbers.Dispose();
    }
}
