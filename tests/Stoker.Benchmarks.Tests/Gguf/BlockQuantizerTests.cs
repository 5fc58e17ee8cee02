using FsCheck;
using FsCheck.Fluent;
using Stoker.Benchmarks.Gguf;

namespace Stoker.Benchmarks.Tests.Gguf;

public class BlockQuantizerTests
{
    /// <summary>Largest error as a share of the block's largest value: half a step, and what the fp16 scale rounds.</summary>
    private static readonly Dictionary<GgufType, double> Bounds = new()
    {
        [GgufType.F32] = 0,
        [GgufType.Bf16] = 1 / 256.0,
        [GgufType.Q80] = (0.5 / 127) + 0.001,
        [GgufType.Q40] = 1 / 8.0, // a value opposite to the largest clips at 7 of 8
    };

    [Fact]
    public void A_value_comes_back_within_half_a_step_of_its_block()
    {
        foreach (var (type, bound) in Bounds)
        {
            Prop.ForAll(ArbMap.Default.ArbFor<int>(), (int seed) =>
            {
                var random = new Random(seed);
                float[] values = [.. Enumerable.Range(0, 64).Select(_ => (float)((random.NextDouble() - 0.5) * 0.2))];
                var back = GgufReader.Dequantize(type, Quantized(type, values), values.Length);
                return Enumerable.Range(0, values.Length).All(index =>
                    Math.Abs(back[index] - values[index]) <= (bound * values[(index / 32 * 32)..((index / 32 * 32) + 32)].Max(Math.Abs)) + 1e-7);
            }).QuickCheckThrowOnFailure();
        }
    }

    [Fact]
    public void Six_bits_keep_normal_noise_within_two_percent()
    {
        var random = new Random(5);
        float[] values = [.. Enumerable.Range(0, 1024).Select(_ => (float)(Enumerable.Range(0, 12).Sum(_ => random.NextDouble()) - 6))];
        var back = GgufReader.Dequantize(GgufType.Q6K, Quantized(GgufType.Q6K, values), values.Length);
        var error = Math.Sqrt(values.Zip(back, (a, b) => (a - b) * (a - b)).Average());
        error.ShouldBeInRange(0.001, 0.02); // deviation 1; a wrong order or scale gives more than 1
    }

    [Theory]
    [InlineData(GgufType.Q80, 32)]
    [InlineData(GgufType.Q40, 32)]
    [InlineData(GgufType.Q6K, 256)]
    internal void Zeros_stay_zeros(GgufType type, int count) =>
        GgufReader.Dequantize(type, Quantized(type, new float[count]), count).ShouldAllBe(value => value == 0);

    [Fact]
    public void A_block_of_eight_bits_is_a_half_and_signed_bytes()
    {
        var values = new float[32];
        (values[0], values[31]) = (127f / 4, -64f / 4);
        var bytes = Quantized(GgufType.Q80, values);
        BitConverter.ToHalf(bytes).ShouldBe((Half)0.25f);
        ((sbyte)bytes[2], (sbyte)bytes[33]).ShouldBe(((sbyte)127, (sbyte)-64));
    }

    [Fact]
    public void A_block_of_four_bits_has_value_i_low_and_value_i_plus_16_high()
    {
        var values = new float[32];
        (values[0], values[3], values[19]) = (-8f, 2f, 5f);
        var bytes = Quantized(GgufType.Q40, values);
        BitConverter.ToHalf(bytes).ShouldBe((Half)1f);
        bytes[2].ShouldBe((byte)(0 | (8 << 4)));
        bytes[5].ShouldBe((byte)(10 | (13 << 4)));
    }

    [Fact]
    public void A_row_that_is_not_whole_blocks_is_refused() =>
        Should.Throw<ArgumentOutOfRangeException>(() => BlockQuantizer.Quantize(GgufType.Q80, new float[33], new byte[68]));

    private static byte[] Quantized(GgufType type, float[] values)
    {
        var bytes = new byte[type.SizeBytes(values.Length)];
        BlockQuantizer.Quantize(type, values, bytes);
        return bytes;
    }
}
