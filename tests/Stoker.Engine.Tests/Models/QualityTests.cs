using Stoker.Engine.Kernels;
using Stoker.Engine.Models;
using Stoker.Engine.Tokenization;
using Stoker.Testing;

namespace Stoker.Engine.Tests.Models;

/// <summary>
/// What each precision costs: the distribution of the next token against the reference set's on the stored weights, over
/// every position of the held-out texts.
/// </summary>
public class QualityTests(ITestOutputHelper output)
{
    private const int EndOfText = 2041;

    private static readonly Lazy<float[][]> Reference = new(() => Logits("reference", Precision.Auto));

    /// <summary>Mean Kullback-Leibler divergence in nats, and how far the perplexity may move, in percent.</summary>
    private static readonly Dictionary<Precision, (double Divergence, double Percent)> Bounds = new()
    {
        [Precision.F32] = (1e-6, 0.05),
        [Precision.Bf16] = (1e-3, 0.5),
        [Precision.Int8] = (5e-3, 1),
        [Precision.Fp8] = (5e-3, 1.5),
        [Precision.Fp4] = (0.2, 6), // of the divergence nothing is promised: this finds a broken kernel
    };

    public static TheoryData<string, Precision> Cases()
    {
        var data = new TheoryData<string, Precision>();
        foreach (var set in KernelSets.SupportedNames.Where(set => set != "reference"))
        {
            foreach (var precision in Bounds.Keys)
            {
                data.Add(set, precision);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Packed_weights_keep_the_distribution_of_the_next_token(string set, Precision precision)
    {
        var golden = GoldenFile.Read(TestData.Golden("story-3m")).HeldOut!.Results["bf16_weights_fp32_math"];
        var texts = Texts();
        var (reference, logits) = (Reference.Value, Logits(set, precision));
        var (divergence, nll, count) = (0.0, 0.0, 0);
        for (var text = 0; text < texts.Length; text++)
        {
            var width = logits[text].Length / (texts[text].Length - 1);
            for (var i = 0; i < texts[text].Length - 1; i++, count++)
            {
                var actual = logits[text].AsSpan(i * width, width);
                divergence += LogShares.Divergence(reference[text].AsSpan(i * width, width), actual);
                nll += LogShares.Total(actual) - actual[texts[text][i + 1]];
            }
        }

        count.ShouldBe(golden.Tokens);
        var percent = ((Math.Exp(nll / count) / golden.Perplexity) - 1) * 100;
        output.WriteLine(FormattableString.Invariant($"{set} {precision}: mean KL {divergence / count:E2}, perplexity {percent:+0.00;-0.00} %"));
        (divergence / count).ShouldBeInRange(0, Bounds[precision].Divergence);
        percent.ShouldBe(0, Bounds[precision].Percent);
    }

    private static float[][] Logits(string set, Precision precision)
    {
        using var runner = new ModelRunner(TestData.Model("story-3m"), set, precision: precision);
        return [.. Texts().Select(text => runner.Run(text.AsSpan(0, text.Length - 1), LogitRows.All, chunk: 128))];
    }

    private static int[][] Texts()
    {
        var tokenizer = Tokenizer.Load(TestData.Model("story-3m"));
        return [.. GoldenFile.Read(TestData.Golden("story-3m")).HeldOut!.Texts!
            .Select(text => (int[])[.. tokenizer.Encode(text, addSpecialTokens: true), EndOfText])];
    }
}
