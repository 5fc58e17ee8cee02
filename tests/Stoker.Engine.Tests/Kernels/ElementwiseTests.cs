using Stoker.Engine.Kernels;

namespace Stoker.Engine.Tests.Kernels;

/// <summary>
/// Norms, rope and activations of every vector set against the reference, for lengths around every vector width.
/// </summary>
public class ElementwiseTests
{
    private const float Tolerance = 2e-6f; // of values from 1, absolute below: 16 units in the last place

    private static readonly KernelSet Reference = KernelSets.Choose("reference");
    private static readonly int[] Lengths = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 48, 100, 192, 511];

    public static TheoryData<string> Sets() => [.. KernelSets.SupportedNames];

    [Theory]
    [MemberData(nameof(Sets))]
    public void Rms_norm(string set) => Compare(set, (kernels, random, length) =>
    {
        var y = new float[length];
        kernels.RmsNorm(TestMatrix.Values(length, random, 3), TestMatrix.Values(length, random, 2), 1e-5f, y);
        return y;
    });

    [Theory]
    [MemberData(nameof(Sets))]
    public void Rms_norm_of_tiny_values_does_not_divide_by_zero(string set)
    {
        var y = new float[20];
        KernelSets.Choose(set).RmsNorm(new float[20], TestMatrix.Values(20, new Random(1)), 1e-6f, y);
        y.ShouldAllBe(value => value == 0);
    }

    [Theory]
    [MemberData(nameof(Sets))]
    public void A_branch_and_its_norm_in_one_pass_are_both_steps_bit_for_bit(string set)
    {
        var kernels = KernelSets.Choose(set);
        foreach (var length in Lengths)
        {
            var random = new Random(length);
            var (x, branch, weight) = (TestMatrix.Values(length, random), TestMatrix.Values(length, random), TestMatrix.Values(length, random));
            var (expectedSum, expected) = ((float[])x.Clone(), new float[length]);
            kernels.Add(expectedSum, branch);
            kernels.RmsNorm(expectedSum, weight, 1e-5f, expected);
            var (sum, y, both) = (new float[length], new float[length], new float[length]);

            kernels.AddRmsNorm(x, branch, weight, 1e-5f, sum, y);
            kernels.AddRmsNorm(x, branch, weight, 1e-5f, both, both);

            sum.ShouldHaveTheBitsOf(expectedSum, $"{length} sums");
            y.ShouldHaveTheBitsOf(expected, $"{length} values");
            both.ShouldHaveTheBitsOf(expected, $"{length} values in place");
        }
    }

    [Theory]
    [MemberData(nameof(Sets))]
    public void Rotation_of_a_head_and_what_rope_leaves_alone(string set) => Compare(set, (kernels, random, pairs) =>
    {
        var head = TestMatrix.Values((2 * pairs) + 6, random);
        var angles = TestMatrix.Values(pairs, random, 4);
        kernels.Rotate(head, Array.ConvertAll(angles, MathF.Cos), Array.ConvertAll(angles, MathF.Sin));
        return head;
    });

    [Theory]
    [MemberData(nameof(Sets))]
    public void Silu(string set) => Compare(set, (kernels, random, length) =>
    {
        var gate = TestMatrix.Values(length, random, 12);
        kernels.SiluMultiply(gate, TestMatrix.Values(length, random));
        return gate;
    });

    [Theory]
    [MemberData(nameof(Sets))]
    public void Gelu(string set) => Compare(set, (kernels, random, length) =>
    {
        var gate = TestMatrix.Values(length, random, 3);
        kernels.GeluMultiply(gate, TestMatrix.Values(length, random));
        return gate;
    });

    [Theory]
    [MemberData(nameof(Sets))]
    public void Additions(string set) => Compare(set, (kernels, random, length) =>
    {
        var x = TestMatrix.Values(length, random);
        kernels.Add(x, TestMatrix.Values(length, random));
        kernels.AddScaled(x, TestMatrix.Values(length, random), 0.3f);
        return x;
    });

    [Theory]
    [MemberData(nameof(Sets))]
    public void Soft_cap(string set) => Compare(set, (kernels, random, length) =>
    {
        var x = TestMatrix.Values(length, random, 90);
        kernels.SoftCap(x, 30);
        return x;
    }, tolerance: 30 * 2e-7f); // of the cap: tanh(z) is taken as 1 - 2 / (e^2z + 1)

    [Theory]
    [MemberData(nameof(Sets))]
    public void Activations_of_extreme_inputs_reach_their_limits(string set)
    {
        float[] inputs = [-3e38f, -1000, -90, 0, 90, 1000, 3e38f, float.NaN];
        var (silu, gelu) = (inputs.ToArray(), inputs.ToArray());
        var ones = Enumerable.Repeat(1f, inputs.Length).ToArray();
        var kernels = KernelSets.Choose(set);
        kernels.SiluMultiply(silu, ones);
        kernels.GeluMultiply(gelu.AsSpan(1, 5), ones.AsSpan(1, 5)); // x³ of the outermost is infinite
        var cap = inputs.ToArray();
        kernels.SoftCap(cap, 50);
        for (var i = 2; i < 7; i++)
        {
            silu[i].ShouldBe(Math.Max(inputs[i], 0), 1e-30f);
        }

        Math.Abs(silu[1]).ShouldBeLessThan(1e-30f);
        gelu[1..6].Select(value => Math.Abs(value)).ShouldBe([0, 0, 0, 90, 1000], 1e-30);
        cap[..7].ShouldBe([-50, -50, 50 * MathF.Tanh(-1.8f), 0, 50 * MathF.Tanh(1.8f), 50, 50], 1e-4);
        float.IsNaN(silu[7]).ShouldBeTrue();
        float.IsNaN(cap[7]).ShouldBeTrue();
    }

    private static void Compare(string set, Func<KernelSet, Random, int, float[]> run, float tolerance = Tolerance)
    {
        foreach (var length in Lengths)
        {
            var expected = run(Reference, new Random(length), length);
            var actual = run(KernelSets.Choose(set), new Random(length), length);
            for (var i = 0; i < expected.Length; i++)
            {
                actual[i].ShouldBe(expected[i], tolerance * Math.Max(1, Math.Abs(expected[i])), $"length {length}, value {i}");
            }
        }
    }
}
