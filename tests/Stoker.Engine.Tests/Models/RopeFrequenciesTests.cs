using Stoker.Engine.Models;

namespace Stoker.Engine.Tests.Models;

/// <summary>
/// Angles of every rope type, from config.json on, against a table in double precision that a separate program computed
/// after the published formulas (head dim 16, theta 10,000 unless the config says otherwise).
/// </summary>
public class RopeFrequenciesTests
{
    private const string LongRope =
        """
        {"type": "su", "factor": 32, "original_max_position_embeddings": 4096,
         "short_factor": [1.0, 1.05, 1.1, 1.15, 1.2, 1.25, 1.3, 1.35],
         "long_factor": [1.5, 4.5, 7.5, 10.5, 13.5, 16.5, 19.5, 22.5]}
        """;

    public static TheoryData<string, string, int, double[], double> Table() => new()
    {
        {
            "default", "null",
            2048,
            [1.0, 0.31622776601683794, 0.1, 0.03162277660168379,
                0.01, 0.0031622776601683794, 0.001, 0.00031622776601683794],
            1.0
        },
        {
            "linear", "{\"type\": \"linear\", \"factor\": 4}",
            2048,
            [0.25, 0.07905694150420949, 0.025, 0.007905694150420948,
                0.0025, 0.0007905694150420948, 0.00025, 7.905694150420948e-05],
            1.0
        },
        {
            "dynamic at 2048", "{\"rope_type\": \"dynamic\", \"factor\": 2}",
            2048,
            [1.0, 0.31622776601683794, 0.1, 0.03162277660168379,
                0.01, 0.0031622776601683794, 0.001, 0.00031622776601683794],
            1.0
        },
        {
            "dynamic at 8192", "{\"rope_type\": \"dynamic\", \"factor\": 2}",
            8192,
            [1.0, 0.23948135600598383, 0.05735131987446476, 0.013734571852269752,
                0.003289173891343177, 0.0007876958236383426, 0.00018863846396516057, 4.517539514526257e-05],
            1.0
        },
        {
            "llama3", "{\"rope_type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 1, \"high_freq_factor\": 4"
            + ", \"original_max_position_embeddings\": 8192, \"rope_theta\": 5e5}",
            2048,
            [1.0, 0.19392274474868576, 0.03760603093086393, 0.007292664737217109,
                0.0005248461609929547, 3.428102195952591e-05, 6.647869871181235e-06, 1.2891731721515574e-06],
            1.0
        },
        {
            "yarn", "{\"type\": \"yarn\", \"factor\": 4"
            + ", \"original_max_position_embeddings\": 32768, \"rope_theta\": 1e6}",
            2048,
            [1.0, 0.1778279410038923, 0.03162277660168379, 0.004217559938927618,
                0.0005, 4.445698525097307e-05, 7.905694150420949e-06, 1.4058533129758728e-06],
            1.138629436111989
        },
        {
            "yarn untruncated", "{\"rope_type\": \"yarn\", \"factor\": 16"
            + ", \"original_max_position_embeddings\": 4096, \"truncate\": false}",
            2048,
            [1.0, 0.31622776601683794, 0.1, 0.027861316864565167,
                0.005696214401411793, 0.0008164706233662652, 6.25e-05, 1.976423537605237e-05],
            1.2772588722239782
        },
        {
            "yarn scales", "{\"rope_type\": \"yarn\", \"factor\": 40"
            + ", \"original_max_position_embeddings\": 4096, \"mscale\": 0.7, \"mscale_all_dim\": 1.3}",
            2048,
            [1.0, 0.31622776601683794, 0.1, 0.023914724805023366,
                0.005125, 0.000849862121170252, 2.5e-05, 7.905694150420949e-06],
            0.8504057857806258
        },
        {
            "yarn given", "{\"rope_type\": \"yarn\", \"factor\": 40"
            + ", \"original_max_position_embeddings\": 4096, \"beta_fast\": 8, \"beta_slow\": 2, \"attention_factor\": 1.5}",
            2048,
            [1.0, 0.31622776601683794, 0.1, 0.03162277660168379,
                0.006750000000000002, 0.001106797181058933, 2.5e-05, 7.905694150420949e-06],
            1.5
        },
        {
            "longrope short", LongRope,
            4096,
            [1.0, 0.3011693009684171, 0.09090909090909091, 0.02749806661015982,
                0.008333333333333333, 0.0025298221281347035, 0.0007692307692307692, 0.00023424278964210215],
            1.1902380714238083
        },
        {
            "longrope long", LongRope,
            4097,
            [0.6666666666666666, 0.07027283689263066, 0.013333333333333334, 0.0030116930096841707,
                0.0007407407407407407, 0.00019165319152535633, 5.1282051282051286e-05, 1.4054567378526131e-05],
            1.1902380714238083
        },
    };

    [Theory]
    [MemberData(nameof(Table))]
    public void Frequencies_and_magnitude_equal_the_table(string name, string rope, int context, double[] inverse, double magnitude)
    {
        var spec = TestConfig.Spec("LlamaForCausalLM", ("rope_scaling", rope == "null" ? null : rope));
        var frequencies = RopeFrequencies.Create(spec.Ropes[0], spec.RotatedDims, context);
        frequencies.Magnitude.ShouldBe((float)magnitude, name);
        frequencies.Inverse.Length.ShouldBe(inverse.Length);
        for (var i = 0; i < inverse.Length; i++)
        {
            // Rounded once to float32: half a unit in the last place, and a little for the power function.
            ((double)frequencies.Inverse[i]).ShouldBe(inverse[i], inverse[i] * 6.1e-8, $"{name}, pair {i}");
        }
    }

    [Fact]
    public void Cos_and_sin_carry_the_magnitude_and_belong_to_the_position()
    {
        var spec = TestConfig.Spec(
            "LlamaForCausalLM", ("rope_scaling", """{"rope_type": "yarn", "factor": 2, "attention_factor": 1.5}"""));
        var frequencies = RopeFrequencies.Create(spec.Ropes[0], spec.RotatedDims, 2048);
        foreach (var position in new[] { 0, 1, 1000, 1_000_000 })
        {
            var (cos, sin) = (new float[8], new float[8]);
            frequencies.Fill(position, cos, sin);
            for (var i = 0; i < 8; i++)
            {
                double angle = position * frequencies.Inverse[i];
                ((double)cos[i]).ShouldBe(1.5 * Math.Cos(angle), 2e-7);
                ((double)sin[i]).ShouldBe(1.5 * Math.Sin(angle), 2e-7);
            }
        }
    }
}
