using Stoker.Engine.KvCache;
using Stoker.Engine.Models;

namespace Stoker.Engine.Tests.KvCache;

/// <summary>Rounding of stored elements, seen through a store: whatever lane a value comes into.</summary>
public class KvCodecTests
{
    private const int Dim = 96;

    [Fact]
    public void Bf16_rounds_to_nearest_and_ties_to_even()
    {
        Stored(KvFormat.Bf16, 1.00390625f).ShouldBe(1f); // halfway between 1 and 1 + 2^-7
        Stored(KvFormat.Bf16, 1.01171875f).ShouldBe(1.015625f); // halfway, the lower neighbour is odd
        Stored(KvFormat.Bf16, 1.00390637f).ShouldBe(1.0078125f);
        Stored(KvFormat.Bf16, -3.14159265f).ShouldBe(-3.140625f);
        Stored(KvFormat.Bf16, 1e-40f).ShouldBe(1e-40f, 1e-41f); // subnormal
        Stored(KvFormat.Bf16, float.NegativeInfinity).ShouldBe(float.NegativeInfinity);
        float.IsNaN(Stored(KvFormat.Bf16, float.NaN)).ShouldBeTrue();
        float.IsNaN(Stored(KvFormat.Bf16, BitConverter.UInt32BitsToSingle(0x7F800001))).ShouldBeTrue(); // its upper half is infinity's
    }

    [Fact]
    public void Fp8_holds_every_one_of_its_values()
    {
        foreach (var value in AllFp8())
        {
            Stored(KvFormat.Fp8, value).ShouldBe(value);
            Stored(KvFormat.Fp8, -value).ShouldBe(-value);
        }
    }

    [Fact]
    public void Fp8_rounds_to_the_nearest_value_and_ties_to_the_even_one()
    {
        var values = AllFp8().ToArray();
        for (var i = 0; i + 1 < values.Length; i++)
        {
            var middle = (values[i] + values[i + 1]) / 2;
            Stored(KvFormat.Fp8, middle).ShouldBe(values[i + (i % 2)], $"between {values[i]} and {values[i + 1]}");
            Stored(KvFormat.Fp8, MathF.BitDecrement(middle)).ShouldBe(values[i]);
            Stored(KvFormat.Fp8, -MathF.BitIncrement(middle)).ShouldBe(-values[i + 1]);
        }
    }

    [Fact]
    public void Fp8_cuts_what_is_too_large_and_keeps_nan()
    {
        foreach (var large in new[] { 449f, 464f, 1e6f, float.MaxValue, float.PositiveInfinity })
        {
            Stored(KvFormat.Fp8, large).ShouldBe(448f);
            Stored(KvFormat.Fp8, -large).ShouldBe(-448f);
        }

        float.IsNaN(Stored(KvFormat.Fp8, float.NaN)).ShouldBeTrue();
    }

    /// <summary>The non-negative E4M3 numbers, ascending: 0, 7 subnormals, 15 exponents.</summary>
    private static IEnumerable<float> AllFp8()
    {
        for (var code = 0; code < 127; code++)
        {
            yield return code < 8 ? MathF.ScaleB(code, -9) : MathF.ScaleB(8 + (code % 8), (code / 8) - 10);
        }
    }

    private static float Stored(KvFormat format, float value)
    {
        using var kv = new KvStore(new ModelShape(1, Dim, 1, 1, Dim, 1, 32), 1, format);
        var (key, read) = (new float[Dim], new float[Dim]);
        key.AsSpan().Fill(value);
        kv.Write(0, 0, 3, 0, key, key);
        kv.Read(0, 0, 3, 0, key, read);
        key.ShouldAllBe(element => element.Equals(key[0]));
        read.ShouldAllBe(element => element.Equals(key[0]));
        return key[0];
    }
}
