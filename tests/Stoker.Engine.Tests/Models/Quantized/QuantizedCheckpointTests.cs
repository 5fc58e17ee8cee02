using Stoker.Engine.Kernels;
using Stoker.Engine.Models;
using Stoker.Engine.Tokenization;
using Stoker.Engine.Weights;
using Stoker.Testing;
using Stoker.Testing.Checkpoints;

namespace Stoker.Engine.Tests.Models.Quantized;

/// <summary>Checkpoints whose author quantised them: the numbers are code times scale, whoever published them.</summary>
public class QuantizedCheckpointTests(ITestOutputHelper output)
{
    private const int EndOfText = 2041;
    private static readonly int[] Prompt = [256, 65, 66, 67, 68, 69, 70];

    public static TheoryData<string, string> Models()
    {
        var data = new TheoryData<string, string>();
        foreach (var form in QuantizedModel.Forms.Keys)
        {
            data.Add("llama31", form);
            data.Add("phi3", form); // fused projections, cut between and within blocks
            data.Add("mixtral", form);
        }

        data.Add("mistral", "fp8 blocks"); // of shards
        data.Add("qwen2", "compressed channel"); // of f16
        data.Add("qwen3", "compressed channel");
        data.Add("gemma2", "fp8 tensor");
        return data;
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Logits_in_float32_are_those_of_codes_times_scales(string model, string form)
    {
        using var quantised = new QuantizedModel(model, form);
        Logits(quantised.Folder, Precision.F32).ShouldHaveTheBitsOf(Logits(quantised.NumbersFolder, Precision.F32));
    }

    /// <summary>The numbers differ from what they would be without the quantisation: the test above can fail.</summary>
    [Fact]
    public void Quantising_shows_in_the_logits()
    {
        using var quantised = new QuantizedModel("llama31", "compressed channel");
        Logits(quantised.Folder, Precision.F32).ShouldNotBe(Logits(TestData.Architecture("llama31"), Precision.F32));
    }

    [Theory]
    [InlineData("llama31", "fp8 tensor")]
    [InlineData("llama31", "fbgemm")]
    [InlineData("llama31", "compressed tensor")]
    [InlineData("llama31", "compressed channel, bf16 scales")]
    [InlineData("phi3", "compressed channel")]
    [InlineData("mixtral", "compressed channel")]
    [InlineData("llama31", "fp8 blocks, powers of two")]
    public void Panels_hold_exactly_what_is_stored_where_a_row_has_one_scale(string model, string form)
    {
        using var quantised = new QuantizedModel(model, form);
        var (held, stored) = (Projections(quantised.Folder, Precision.Auto), Projections(quantised.NumbersFolder, Precision.F32));
        held.Keys.ShouldBe(stored.Keys);
        foreach (var (name, rows) in stored) held[name].ShouldHaveTheBitsOf(rows, name);
    }

    /// <summary>
    /// Rounded again to E4M3 with one scale for the row: its half step is 1/16 of a number, and evenly spread rounding
    /// comes to some 2.6 % of the root mean square.
    /// </summary>
    [Theory]
    [InlineData("story-3m", "fp8 blocks of 128", 0.03)]
    [InlineData("llama31", "fp8 blocks", 0.03)]
    [InlineData("llama31", "compressed block", 0.03)]
    public void Blocks_are_rounded_once_more_within_a_bound(string model, string form, double bound)
    {
        using var quantised = new QuantizedModel(model, form);
        var (held, stored) = (Projections(quantised.Folder, Precision.Auto), Projections(quantised.NumbersFolder, Precision.F32));
        var worst = 0.0;
        foreach (var (name, rows) in stored)
        {
            var (error, size) = (0.0, 0.0);
            for (var i = 0; i < rows.Length; i++)
            {
                error += Math.Pow(held[name][i] - rows[i], 2);
                size += Math.Pow(rows[i], 2);
            }

            worst = Math.Max(worst, Math.Sqrt(error / size));
        }

        output.WriteLine(FormattableString.Invariant($"{form}: at most {worst:P2}"));
        worst.ShouldBeInRange(0, bound);
    }

    /// <summary>The reference's figures for one scale per row, linear layers alone, which is how these are stored.</summary>
    [Theory]
    [InlineData("compressed channel", "fp8_e4m3_per_row__linear_layers_only", Precision.F32, 2e-4)]
    [InlineData("compressed channel", "fp8_e4m3_per_row__linear_layers_only", Precision.Bf16, 0.15)]
    [InlineData("compressed channel", "fp8_e4m3_per_row__linear_layers_only", Precision.Auto, 0.15)] // the head in int8
    [InlineData("compressed channel", "fp8_e4m3_per_row__linear_layers_only", Precision.Int8, 0.15)]
    [InlineData("compressed int8", "int8_per_row__linear_layers_only", Precision.F32, 2e-4)]
    [InlineData("compressed int8", "int8_per_row__linear_layers_only", Precision.Auto, 0.15)]
    public void Story_model_stored_with_a_scale_per_row_has_the_perplexity_of_the_reference(
        string form, string figure, Precision precision, double tolerance)
    {
        using var quantised = new QuantizedModel("story-3m", form);
        var golden = GoldenFile.Read(TestData.Golden("story-3m")).HeldOut!.Results[figure].Perplexity;
        var perplexity = Perplexity(quantised.Folder, precision);
        output.WriteLine(FormattableString.Invariant($"{form} as {precision}: {perplexity:F4}, reference {golden:F4}"));
        perplexity.ShouldBe(golden, tolerance);
    }

    [Theory]
    [InlineData("fp8 tensor")]
    [InlineData("fp8 blocks of 128")]
    [InlineData("compressed int8")]
    public void Perplexity_in_the_checkpoints_own_precision_is_near_the_one_of_its_numbers(string form)
    {
        using var quantised = new QuantizedModel("story-3m", form);
        var (own, exact) = (Perplexity(quantised.Folder, Precision.Auto), Perplexity(quantised.NumbersFolder, Precision.F32));
        output.WriteLine(FormattableString.Invariant($"{form}: {own:F4} of {exact:F4}"));
        own.ShouldBe(exact, 0.015 * exact);
    }

    [Fact]
    public void Description_names_the_form_and_the_precision_it_runs_in()
    {
        using var blocks = new QuantizedModel("llama31", "fp8 blocks of 128");
        var seen = ModelFolder.Inspect(blocks.Folder);
        (seen.StoredType, seen.DefaultPrecision).ShouldBe(("F8_E4M3", Precision.Fp8));
        seen.Quantization.ShouldBe("fp8: F8_E4M3 with one scale per block of 128 x 128");
        using var integers = new QuantizedModel("llama31", "compressed int8");
        seen = ModelFolder.Inspect(integers.Folder);
        (seen.StoredType, seen.DefaultPrecision, seen.Quantization).ShouldBe(("I8", Precision.Int8, "compressed-tensors: I8 with one scale per row"));
        seen = ModelFolder.Inspect(TestData.Model("story-3m"));
        (seen.DefaultPrecision, seen.Quantization).ShouldBe((Precision.Auto, null));
    }

    [Fact]
    public void Packed_file_of_a_quantised_model_serves_auto_and_fp8()
    {
        using var quantised = new QuantizedModel("llama31", "compressed channel");
        var plain = Logits(quantised.Folder, Precision.Auto);
        var report = ModelPacker.Pack(quantised.Folder, cancellation: TestContext.Current.CancellationToken);
        (Path.GetFileName(report.File), report.Precision).ShouldBe(("stoker-fp8.packed", "fp8"));
        foreach (var precision in new[] { Precision.Auto, Precision.Fp8 })
        {
            ModelPacker.IsPacked(quantised.Folder, precision).ShouldBeTrue();
            using var runner = new ModelRunner(quantised.Folder, "portable", precision: precision, packed: PackedUse.Require);
            runner.Run(Prompt, LogitRows.All).ShouldHaveTheBitsOf(plain);
        }
    }

    /// <summary>Code times scale, and the addon's part added to that: rows that are changed are no copies of codes any more.</summary>
    [Theory]
    [InlineData("compressed channel", Precision.F32)]
    [InlineData("compressed channel", Precision.Auto)]
    [InlineData("fp8 blocks of 128", Precision.Int8)]
    public void An_addon_is_merged_into_the_numbers_that_the_codes_stand_for(string form, Precision precision)
    {
        using var quantised = new QuantizedModel("story-3m", form);
        var addon = TestData.Model("story-3m-lora-zog");
        using var merged = new ModelRunner(quantised.Folder, "portable", precision: precision, mergeAddon: addon);
        using var expected = new ModelRunner(quantised.NumbersFolder, "portable", precision: precision == Precision.Auto ? Precision.Fp8 : precision, mergeAddon: addon);
        merged.Run(Prompt, LogitRows.All).ShouldHaveTheBitsOf(expected.Run(Prompt, LogitRows.All));
    }

    [Fact]
    public void An_fp8_file_beside_a_plain_model_is_not_what_auto_asks_for()
    {
        using var folder = TemporaryFolder.CopyOf(TestData.Architecture("llama31"));
        ModelPacker.Pack(folder.Path, new() { Precision = Precision.Fp8 }, cancellation: TestContext.Current.CancellationToken);
        var notes = new List<string>();
        PackedModel.Open(folder.Path, Precision.Auto, PackedUse.Auto, notes).ShouldBeNull();
        notes.ShouldBeEmpty();
    }

    /// <summary>By a name, by a pattern, by a part of the path; and where a vendor says nothing.</summary>
    [Theory]
    [InlineData("compressed channel", "ignore", """["model.layers.0.mlp.down_proj"]""")]
    [InlineData("compressed channel", "ignore", """["re:.*layers\\.0\\.mlp\\.down.*"]""")]
    [InlineData("fbgemm", "modules_to_not_convert", """["layers.0.mlp.down_proj"]""")]
    [InlineData("fp8 blocks", "ignored_layers", """["down_proj"]""")]
    [InlineData("fp8 blocks", "ignored_layers", "[]")]
    public void Modules_that_are_left_alone_are_read_as_they_are(string form, string key, string modules)
    {
        using var quantised = new QuantizedModel("llama31", form, module => module == "model.layers.0.mlp.down_proj");
        SetQuantization(quantised.Stored, key, modules);
        if (modules.Contains("[\"down_proj", StringComparison.Ordinal)) // then the other layer's is ignored too, and is not what it says
        {
            Should.Throw<ModelLoadException>(() => ModelFolder.Inspect(quantised.Folder)).Item.ShouldBe("model.layers.1.mlp.down_proj.weight");
            return;
        }

        Logits(quantised.Folder, Precision.F32).ShouldHaveTheBitsOf(Logits(quantised.NumbersFolder, Precision.F32));
    }

    [Theory]
    [InlineData("model.layers.0.mlp.down_proj.weight_scale", null, "is missing")]
    [InlineData("model.layers.0.mlp.down_proj.weight_scale", "[63, 1]", "has shape [63, 1], F8_E4M3 with one scale per row needs [64, 1]")]
    [InlineData("model.layers.0.mlp.down_proj.weight_scale", "NaN", "holds NaN; scales from 0 to 1E+30 are supported")]
    [InlineData("model.layers.0.mlp.down_proj.weight_scale", "-1", "holds -1; scales from 0 to 1E+30 are supported")]
    [InlineData("model.layers.0.mlp.down_proj.weight", "[64, 127]", "has shape [64, 127], the config asks for [64, 128]")]
    [InlineData("model.layers.0.mlp.down_proj.weight", "E5M2", "has type F8_E5M2; BF16, F16 and F32 weights are supported")]
    [InlineData("model.layers.0.mlp.down_proj.weight", "NaN code", "row 3: a weight is NaN or infinite, which Fp8 cannot hold; mend the checkpoint or open it as bf16")]
    public void Codes_and_scales_that_do_not_fit_are_refused_by_tensor(string name, string? change, string reason)
    {
        using var quantised = new QuantizedModel("llama31", "compressed channel");
        var tensors = PlainCheckpoint.Read(quantised.Folder);
        var (old, isScale) = (tensors[name], name.EndsWith("scale", StringComparison.Ordinal));
        tensors.Remove(name);
        if (change is not null) tensors[name] = Changed(old, change, isScale);
        PlainCheckpoint.Write(quantised.Folder, tensors);
        var error = Should.Throw<ModelLoadException>(() => Logits(quantised.Folder, Precision.Auto));
        (error.Item, error.Reason).ShouldBe((name, reason));
    }

    [Fact]
    public void Codes_without_a_word_in_the_config_are_refused()
    {
        using var quantised = new QuantizedModel("llama31", "compressed channel");
        quantised.Stored.SetJson("config.json", "quantization_config", null);
        Should.Throw<ModelLoadException>(() => ModelFolder.Inspect(quantised.Folder))
            .Reason.ShouldBe("has type F8_E4M3; BF16, F16 and F32 weights are supported");
    }

    [Fact]
    public void Codes_of_another_type_than_the_config_says_are_refused()
    {
        using var quantised = new QuantizedModel("llama31", QuantizedForm.CompressedTensors("channel") with { IsInt8 = true });
        Should.Throw<ModelLoadException>(() => ModelFolder.Inspect(quantised.Folder)).Reason.ShouldBe("has type I8; F8_E4M3 weights are supported");
    }

    private static PlainTensor Changed(PlainTensor old, string change, bool isScale) => change switch
    {
        "E5M2" => old with { Type = "F8_E5M2" },
        "NaN code" => old with { Bytes = [.. old.Bytes.Select((code, at) => at == (3 * 128) + 5 ? (byte)0xFF : code)] },
        "[63, 1]" => PlainTensor.Of([63, 1], new float[63]),
        "[64, 127]" => new(old.Type, [64, 127], new byte[64 * 127]),
        _ when isScale => PlainTensor.Of(old.Shape, [.. old.Values().Select(_ => float.Parse(change, System.Globalization.CultureInfo.InvariantCulture))]),
        _ => throw new ArgumentException(change),
    };

    private static void SetQuantization(TemporaryFolder folder, string key, string json)
    {
        var config = System.Text.Json.Nodes.JsonNode.Parse(File.ReadAllText(folder.File("config.json")))!;
        config["quantization_config"]![key] = System.Text.Json.Nodes.JsonNode.Parse(json);
        File.WriteAllText(folder.File("config.json"), config.ToJsonString());
    }

    private static float[] Logits(string folder, Precision precision)
    {
        using var runner = new ModelRunner(folder, "portable", precision: precision);
        return runner.Run(Prompt, LogitRows.All);
    }

    /// <summary>Every projection's rows as the kernels see them, by name.</summary>
    private static SortedDictionary<string, float[]> Projections(string folder, Precision precision)
    {
        using var checkpoint = Checkpoint.Open(folder);
        using var team = new ThreadTeam(1);
        var plan = PackPlan.Create(Architectures.Read(ConfigObject.Read(folder, "config.json")), checkpoint, precision);
        using var packed = WeightPacker.Pack(plan.Precision, plan.Items, team);
        var rows = new SortedDictionary<string, float[]>(StringComparer.Ordinal);
        foreach (var item in plan.Items.Where(item => item.IsMatrix && item.Name is not ("head" or "embedding") && !item.Name.EndsWith("router", StringComparison.Ordinal)))
        {
            var matrix = packed.Matrix(item.Name, item.Rows, item.Columns);
            var values = new float[item.Rows * item.Columns];
            for (var row = 0; row < item.Rows; row++) matrix.ReadRow(row, values.AsSpan(row * item.Columns, item.Columns));
            rows[item.Name] = values;
        }

        return rows;
    }

    private static double Perplexity(string folder, Precision precision)
    {
        var tokenizer = Tokenizer.Load(folder);
        using var runner = new ModelRunner(folder, "portable", precision: precision);
        return Math.Exp(-GoldenFile.Read(TestData.Golden("story-3m")).HeldOut!.Texts!
            .SelectMany(text => runner.LogProbabilities([.. tokenizer.Encode(text, addSpecialTokens: true), EndOfText]))
            .Average());
    }
}
