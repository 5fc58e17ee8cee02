using Stoker.Engine.Kernels;
using Stoker.Engine.KvCache;

namespace Stoker.Engine.Tests.Models;

/// <summary>
/// Positions up to four times the context that a model was trained for, with each kind of rope scaling: the logits of a plain forward pass in doubles, and the
/// same bits in chunks as at once.
/// </summary>
public sealed class LongContextTests
{
    private const int Original = 64, Extended = 4 * Original, Pairs = PlainDecoder.HeadDim / 2;

    public static TheoryData<string, string> Cases()
    {
        var data = new TheoryData<string, string>();
        foreach (var set in KernelSets.SupportedNames)
        {
            foreach (var type in new[] { "linear", "dynamic", "llama3", "yarn", "longrope" }) data.Add(set, type);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Logits_equal_the_plain_reference_at_every_position(string set, string type)
    {
        var plain = new PlainDecoder(seed: 5);
        using var folder = Folder(plain, type);
        using var runner = new ModelRunner(folder.Path, set, precision: Precision.F32, kvFormat: KvFormat.F32, contextLength: Extended);
        runner.Shape.ContextLength.ShouldBe(Extended);
        var tokens = Tokens();
        var (frequencies, magnitude) = Angles(type);
        var expected = plain.Logits(tokens, frequencies, magnitude);
        var logits = runner.Run(tokens, Engine.Models.LogitRows.All);
        for (var position = 0; position < tokens.Length; position++)
        {
            for (var id = 0; id < PlainDecoder.Vocabulary; id++)
            {
                ((double)logits[(position * PlainDecoder.Vocabulary) + id]).ShouldBe(expected[position][id], 5e-4, $"position {position}, token {id}");
            }
        }
    }

    /// <summary>Else the test above would not see a scaling that is left out.</summary>
    [Theory]
    [InlineData("linear")]
    [InlineData("dynamic")]
    [InlineData("llama3")]
    [InlineData("yarn")]
    [InlineData("longrope")]
    public void The_scaling_is_no_small_thing_at_these_positions(string type)
    {
        var plain = new PlainDecoder(seed: 5);
        var (frequencies, magnitude) = Angles(type);
        var (scaled, unscaled) = (plain.Logits(Tokens(), frequencies, magnitude), plain.Logits(Tokens(), Series(PlainDecoder.Theta), 1));
        foreach (var position in new[] { Original, (2 * Original) + 1, Extended - 1 })
        {
            scaled[position].Select((value, id) => Math.Abs(value - unscaled[position][id])).Max().ShouldBeGreaterThan(0.02, $"position {position}");
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Chunks_do_not_show_beyond_the_original_context(string set, string type)
    {
        using var folder = Folder(new(seed: 6), type);
        using var runner = new ModelRunner(folder.Path, set, contextLength: Extended);
        var tokens = Tokens();
        var whole = runner.Run(tokens, Engine.Models.LogitRows.All);
        foreach (var chunk in new[] { 1, 7, 24, 32, 100, Original, Original + 1 })
        {
            runner.Run(tokens, Engine.Models.LogitRows.All, chunk).ShouldHaveTheBitsOf(whole, $"chunks of {chunk}");
        }
    }

    private static TemporaryFolder Folder(PlainDecoder plain, string type)
    {
        var folder = new TemporaryFolder();
        plain.Write(folder.Path, type switch
        {
            "linear" => """ "max_position_embeddings": 256, "rope_scaling": {"rope_type": "linear", "factor": 4} """,
            "dynamic" => """ "max_position_embeddings": 64, "rope_scaling": {"rope_type": "dynamic", "factor": 4} """,
            "llama3" => """
                "max_position_embeddings": 256, "rope_scaling": {"rope_type": "llama3", "factor": 4, "low_freq_factor": 1, "high_freq_factor": 4,
                "original_max_position_embeddings": 64}
                """,
            "yarn" => """ "max_position_embeddings": 256, "rope_scaling": {"rope_type": "yarn", "factor": 4, "original_max_position_embeddings": 64} """,
            _ => """
                "max_position_embeddings": 256, "original_max_position_embeddings": 64, "rope_scaling": {"rope_type": "longrope", "short_factor": [1, 1.1, 1.2, 1.3],
                "long_factor": [1.5, 2.5, 3.5, 4.5]}
                """,
        });
        return folder;
    }

    private static int[] Tokens()
    {
        var random = new Random(3);
        return [.. Enumerable.Range(0, Extended).Select(_ => random.Next(PlainDecoder.Vocabulary))];
    }

    private static double[] Series(double theta) => [.. Enumerable.Range(0, Pairs).Select(pair => Math.Pow(theta, -2.0 * pair / PlainDecoder.HeadDim))];

    /// <summary>From the published formulas, for the configs above and <see cref="Extended"/> positions.</summary>
    private static (double[] Frequencies, double Magnitude) Angles(string type) => type switch
    {
        "linear" => ([.. Series(PlainDecoder.Theta).Select(frequency => frequency / 4)], 1),
        // theta · (factor · length / original - (factor - 1)) ^ (d / (d - 2))
        "dynamic" => (Series(PlainDecoder.Theta * Math.Pow((4.0 * Extended / Original) - 3, PlainDecoder.HeadDim / (PlainDecoder.HeadDim - 2.0))), 1),
        "llama3" => ([.. Series(PlainDecoder.Theta).Select(Llama3)], 1),
        "yarn" => ([.. Series(PlainDecoder.Theta).Select(Yarn)], (0.1 * Math.Log(4)) + 1),
        _ => ([.. Series(PlainDecoder.Theta).Zip([1.5, 2.5, 3.5, 4.5], (frequency, divisor) => frequency / divisor)], Math.Sqrt(1 + (Math.Log(4) / Math.Log(Original)))),
    };

    /// <summary>Waves longer than the original context are stretched by 4, those shorter than a quarter of it are kept, and between the two they are mixed.</summary>
    private static double Llama3(double frequency)
    {
        var turns = Original * frequency / (2 * Math.PI); // within the original context
        if (turns >= 4) return frequency;
        if (turns <= 1) return frequency / 4;
        var kept = (turns - 1) / 3;
        return (kept * frequency) + ((1 - kept) * frequency / 4);
    }

    /// <summary>Kept from 32 turns within the original context on, stretched below one; the ramp between runs over the pairs, to whole ones.</summary>
    private static double Yarn(double frequency, int pair)
    {
        double PairOf(double turns) => PlainDecoder.HeadDim * Math.Log(Original / (turns * 2 * Math.PI)) / (2 * Math.Log(PlainDecoder.Theta));
        var (low, high) = (Math.Max(Math.Floor(PairOf(32)), 0), Math.Min(Math.Ceiling(PairOf(1)), PlainDecoder.HeadDim - 1));
        var stretched = Math.Clamp((pair - low) / (high - low), 0, 1);
        return (stretched * frequency / 4) + ((1 - stretched) * frequency);
    }
}
