using Stoker.Engine.Weights;
using Stoker.Engine.Weights.Quantized;
using Stoker.Testing.Checkpoints;

namespace Stoker.Engine.Tests.Weights.Quantized;

public class StoredCodesTests
{
    [Theory]
    [InlineData(1f)]
    [InlineData(0.0123f)]
    [InlineData(1e-30f)]
    [InlineData(1e30f)]
    [InlineData(0f)]
    public unsafe void Every_e4m3_code_is_its_number_times_the_scale(float scale)
    {
        byte[] codes = [.. Enumerable.Range(0, 256).Select(code => (byte)code), 0x01, 0x81, 0x7E];
        var actual = new float[codes.Length];
        fixed (byte* source = codes)
        fixed (float* target = actual) StoredCodes.Widen(TensorType.F8E4M3, source, codes.Length, scale, target);
        for (var i = 0; i < codes.Length; i++)
        {
            var expected = PlainE4M3.Decode(codes[i]) * scale;
            (float.IsNaN(expected) ? float.IsNaN(actual[i]) : actual[i].Equals(expected) && float.IsNegative(actual[i]) == float.IsNegative(expected))
                .ShouldBeTrue($"code {codes[i]} is {actual[i]}, expected {expected}");
        }
    }

    [Fact]
    public unsafe void Signed_bytes_are_themselves_times_the_scale()
    {
        var codes = Enumerable.Range(0, 256).Select(code => (byte)code).ToArray();
        var actual = new float[256];
        fixed (byte* source = codes)
        fixed (float* target = actual) StoredCodes.Widen(TensorType.I8, source, 256, 0.5f, target);
        actual.ShouldBe(codes.Select(code => (sbyte)code * 0.5f));
    }

    [Theory]
    [InlineData(0x7F, true)]
    [InlineData(0xFF, true)]
    [InlineData(0x7E, false)]
    [InlineData(0x80, false)]
    public unsafe void Codes_that_are_no_number_are_found(byte code, bool isNan)
    {
        var codes = new byte[100];
        codes[77] = code;
        fixed (byte* source = codes) StoredCodes.HasNan(source, codes.Length).ShouldBe(isNan);
    }
}
