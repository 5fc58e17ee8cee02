using System.Runtime.Intrinsics;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Tests.Weights;

/// <summary>The small number formats against their definitions, over all their values.</summary>
public class NumberFormatTests
{
    [Fact]
    public void Fp8_has_the_values_of_E4M3()
    {
        Fp8.ToSingle(0x00).ShouldBe(0);
        Fp8.ToSingle(0x01).ShouldBe(0.001953125f); // 2^-9, the smallest
        Fp8.ToSingle(0x07).ShouldBe(0.013671875f); // the largest subnormal
        Fp8.ToSingle(0x08).ShouldBe(0.015625f); // 2^-6, the smallest normal
        Fp8.ToSingle(0x38).ShouldBe(1);
        Fp8.ToSingle(0x7E).ShouldBe(448);
        Fp8.ToSingle(0xFE).ShouldBe(-448);
        float.IsNaN(Fp8.ToSingle(0x7F)).ShouldBeTrue();
    }

    [Fact]
    public void Every_fp8_value_comes_back_as_itself()
    {
        for (var bits = 0; bits < 256; bits++)
        {
            if ((bits & 0x7F) != 0x7F) Fp8.FromSingle(Fp8.ToSingle((byte)bits)).ShouldBe((byte)bits);
        }

        float.IsNaN(Fp8.ToSingle(Fp8.FromSingle(float.NaN))).ShouldBeTrue();
    }

    [Fact]
    public void Fp8_rounds_to_the_nearest_ties_to_even_and_saturates()
    {
        for (var bits = 0; bits < 0x7E; bits++)
        {
            var (low, high) = (Fp8.ToSingle((byte)bits), Fp8.ToSingle((byte)(bits + 1)));
            var middle = (low + high) / 2; // exact: one bit more than the format has
            Fp8.FromSingle(middle).ShouldBe((byte)(bits % 2 == 0 ? bits : bits + 1));
            Fp8.FromSingle(MathF.BitDecrement(middle)).ShouldBe((byte)bits);
            Fp8.FromSingle(MathF.BitIncrement(middle)).ShouldBe((byte)(bits + 1));
            Fp8.FromSingle(-MathF.BitIncrement(middle)).ShouldBe((byte)(0x80 | (bits + 1)));
        }

        Fp8.FromSingle(1e9f).ShouldBe((byte)0x7E);
        Fp8.FromSingle(float.NegativeInfinity).ShouldBe((byte)0xFE);
    }

    [Fact]
    public void Fp4_takes_the_nearest_value_and_saturates()
    {
        for (var value = -15f; value <= 15; value += 0.125f)
        {
            var nearest = Enumerable.Range(0, 16).Min(code => MathF.Abs(Fp4.Doubled(code) - value));
            MathF.Abs(Fp4.Doubled(Code(value)) - value).ShouldBe(nearest, $"{value}");
        }

        for (var code = 0; code < 16; code++)
        {
            Fp4.Doubled(Code(Fp4.Doubled(code))).ShouldBe(Fp4.Doubled(code));
        }

        foreach (var (tie, even) in new[] { (0.5f, 0), (1.5f, 2), (2.5f, 2), (3.5f, 4), (5f, 4), (7f, 8), (10f, 8) })
        {
            Fp4.Doubled(Code(tie)).ShouldBe(even);
            Fp4.Doubled(Code(-tie)).ShouldBe(-even);
        }
    }

    [Fact]
    public void Bf16_rounds_to_the_nearest_ties_to_even()
    {
        foreach (var bits in new ushort[] { 0, 1, 0x80, 0x3F80, 0x3F81, 0x7F7F, 0x8001, 0xC000, 0xFF7F })
        {
            var value = BFloat16.ToSingle(bits);
            BFloat16.FromSingle(value).ShouldBe(bits);
            var middle = BitConverter.UInt32BitsToSingle(((uint)bits << 16) | 0x8000);
            BFloat16.FromSingle(middle).ShouldBe((ushort)(bits + (bits % 2)));
            BFloat16.FromSingle(BitConverter.UInt32BitsToSingle(((uint)bits << 16) | 0x7FFF)).ShouldBe(bits);
            BFloat16.FromSingle(BitConverter.UInt32BitsToSingle(((uint)bits << 16) | 0x8001)).ShouldBe((ushort)(bits + 1));
        }

        float.IsNaN(BFloat16.ToSingle(BFloat16.FromSingle(BitConverter.UInt32BitsToSingle(0x7FFFFFFF)))).ShouldBeTrue();
    }

    private static int Code(float value) => Fp4.FromDoubled(Vector512.Create(value))[15];
}
