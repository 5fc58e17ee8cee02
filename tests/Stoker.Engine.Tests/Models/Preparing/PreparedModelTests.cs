using System.Text.Json.Nodes;
using Stoker.Engine.Models;
using Stoker.Engine.Models.Preparing;
using Stoker.Testing;
using Stoker.Testing.Checkpoints;

namespace Stoker.Engine.Tests.Models.Preparing;

/// <summary>The variant for other engines: what it holds, and that it is whole or not there.</summary>
public class PreparedModelTests
{
    private static readonly int[] Prompt = [256, 65, 66, 67, 68, 69, 70];

    public static TheoryData<string, Precision> Models()
    {
        var data = new TheoryData<string, Precision>();
        foreach (var model in new[] { "story-3m", "gemma2", "llama31", "mistral", "mixtral", "phi3", "qwen2", "qwen3" })
        {
            data.Add(model, Precision.Fp8);
            data.Add(model, Precision.Int8);
        }

        return data;
    }

    /// <summary>Read by a plain reader that shares no code with the writer.</summary>
    [Theory]
    [MemberData(nameof(Models))]
    public void Projections_are_codes_near_their_weights_and_all_else_is_as_it_was(string model, Precision precision)
    {
        using var place = new TemporaryFolder();
        var target = Write(Source(model), place, precision).Folder;
        var (source, written) = (PlainCheckpoint.Read(Source(model)), PlainCheckpoint.Read(target));
        written.Keys.Where(name => !source.ContainsKey(name)).ShouldAllBe(name => name.EndsWith("_proj.weight_scale") || name.Contains(".experts."));
        var quantised = 0;
        foreach (var (name, tensor) in source)
        {
            if (!written.TryGetValue(name + "_scale", out var scale))
            {
                written[name].Type.ShouldBe(tensor.Type, name);
                written[name].Shape.ShouldBe(tensor.Shape, name);
                written[name].Bytes.AsSpan().SequenceEqual(tensor.Bytes).ShouldBeTrue(name);
                continue;
            }

            quantised++;
            written[name].Shape.ShouldBe(tensor.Shape, name);
            (scale.Type, scale.Shape.Length, scale.Shape[0], scale.Shape[1]).ShouldBe(("F32", 2, tensor.Shape[0], 1L), name);
            ShouldBeNear(tensor.Values(), written[name], scale.Values(), (int)tensor.Shape[1], precision);
        }

        quantised.ShouldBe(source.Keys.Count(name => name.EndsWith("_proj.weight") || name.Contains(".experts.")));
    }

    [Theory]
    [InlineData("story-3m")]
    [InlineData("mistral")] // shards
    [InlineData("mixtral")]
    [InlineData("phi3")]
    public void Fp8_variant_gives_the_bits_of_its_source_opened_as_fp8(string model)
    {
        using var place = new TemporaryFolder();
        var target = Write(Source(model), place, Precision.Fp8).Folder;
        Logits(target, Precision.Auto).ShouldHaveTheBitsOf(Logits(Source(model), Precision.Fp8));
        var seen = ModelFolder.Inspect(target);
        (seen.StoredType, seen.DefaultPrecision, seen.Quantization)
            .ShouldBe(("F8_E4M3", Precision.Fp8, "compressed-tensors: F8_E4M3 with one scale per row"));
    }

    [Fact]
    public void Config_says_the_form_and_keeps_every_other_key()
    {
        using var place = new TemporaryFolder();
        var target = Write(Source("mixtral"), place, Precision.Fp8).Folder;
        var (source, written) = (Config(Source("mixtral")), Config(target));
        var form = written["quantization_config"]!.AsObject();
        written.Remove("quantization_config");
        JsonNode.DeepEquals(written, source).ShouldBeTrue();
        ((string?)form["quant_method"], (string?)form["format"], (string?)form["quantization_status"]).ShouldBe(("compressed-tensors", "float-quantized", "compressed"));
        form["ignore"]!.ToJsonString().ShouldBe("""["lm_head","model.layers.0.block_sparse_moe.gate","model.layers.1.block_sparse_moe.gate"]""");
        var group = form["config_groups"]!["group_0"]!;
        group["targets"]!.ToJsonString().ShouldBe("""["Linear"]""");
        group["weights"]!.ToJsonString().ShouldBe("""{"num_bits":8,"type":"float","symmetric":true,"strategy":"channel","dynamic":false,"group_size":null}""");
        group["input_activations"]!.ToJsonString().ShouldBe("""{"num_bits":8,"type":"float","symmetric":true,"strategy":"token","dynamic":true,"group_size":null}""");
    }

    [Fact]
    public void Small_files_come_along_and_weights_in_other_forms_do_not()
    {
        using var source = TemporaryFolder.CopyOf(TestData.Architecture("mistral"));
        ModelPacker.Pack(source.Path, cancellation: TestContext.Current.CancellationToken);
        File.WriteAllText(source.File("pytorch_model.bin"), "pickle");
        File.WriteAllText(source.File(".cache"), "hidden");
        File.WriteAllText(source.File("LICENSE"), "license");
        using var place = new TemporaryFolder();
        var report = Write(source.Path, place, Precision.Fp8);
        Directory.EnumerateFiles(report.Folder).Select(Path.GetFileName).Order(StringComparer.Ordinal).ShouldBe(
        [
            "LICENSE", "config.json", "generation_config.json", "golden.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
            "model.safetensors.index.json", "special_tokens_map.json", "stoker-source.json", "tokenizer.json", "tokenizer_config.json",
        ]);
        report.SizeBytes.ShouldBe(Directory.EnumerateFiles(report.Folder).Sum(file => new FileInfo(file).Length));
    }

    [Theory]
    [InlineData("story-3m", Precision.Fp8)]
    [InlineData("mistral", Precision.Int8)]
    public void Bytes_do_not_depend_on_the_run_or_its_threads(string model, Precision precision)
    {
        using var place = new TemporaryFolder();
        var first = PreparedModel.Write(Source(model), place.File("one"), precision, new() { Threads = 1 }, cancellation: TestContext.Current.CancellationToken).Folder;
        var second = PreparedModel.Write(Source(model), place.File("four"), precision, new() { Threads = 4 }, cancellation: TestContext.Current.CancellationToken).Folder;
        foreach (var file in Directory.EnumerateFiles(first))
        {
            File.ReadAllBytes(file).AsSpan().SequenceEqual(File.ReadAllBytes(Path.Combine(second, Path.GetFileName(file)))).ShouldBeTrue(file);
        }

        Directory.EnumerateFiles(second).Count().ShouldBe(Directory.EnumerateFiles(first).Count());
    }

    [Fact]
    public void A_full_disk_is_told_with_both_figures_and_leaves_nothing()
    {
        using var place = new TemporaryFolder();
        var error = Should.Throw<IOException>(() => PreparedModel.Write(
            Source("story-3m"), place.File("fp8"), Precision.Fp8, new() { FreeBytes = _ => 1000 }, cancellation: TestContext.Current.CancellationToken));
        error.Message.ShouldMatch("fp8: the prepared model takes [0-9]{7} bytes and the disk has 1000 left: make room");
        Directory.EnumerateFileSystemEntries(place.Path).ShouldBeEmpty();
    }

    [Fact]
    public void Cancelled_in_the_middle_nothing_is_left()
    {
        using var place = new TemporaryFolder();
        using var stop = new CancellationTokenSource();
        var told = 0;
        Should.Throw<OperationCanceledException>(() => PreparedModel.Write(
            Source("story-3m"), place.File("fp8"), Precision.Fp8, new() { Threads = 1 }, _ =>
            {
                told++;
                stop.Cancel();
            }, stop.Token));
        told.ShouldBeInRange(1, 3);
        Directory.EnumerateFileSystemEntries(place.Path).ShouldBeEmpty();
    }

    [Fact]
    public void A_weight_that_is_no_number_is_told_by_tensor_and_row_and_leaves_nothing()
    {
        using var source = TemporaryFolder.CopyOf(TestData.Architecture("llama31"));
        var tensors = PlainCheckpoint.Read(source.Path);
        var broken = tensors["model.layers.1.mlp.up_proj.weight"];
        broken.Bytes[(((70 * 64) + 3) * 2) + 1] = 0x7F; // bf16 from 0x7F80 on
        broken.Bytes[((70 * 64) + 3) * 2] = 0xC0;
        PlainCheckpoint.Write(source.Path, tensors);
        using var place = new TemporaryFolder();
        foreach (var precision in PreparedModel.Precisions)
        {
            var error = Should.Throw<ModelLoadException>(() => Write(source.Path, place, precision));
            error.Item.ShouldBe("model.layers.1.mlp.up_proj.weight");
            error.Reason.ShouldStartWith("row 70: a weight is NaN or infinite");
        }

        Directory.EnumerateFileSystemEntries(place.Path).ShouldBeEmpty();
    }

    [Fact]
    public void A_source_that_changes_meanwhile_leaves_nothing()
    {
        using var source = TemporaryFolder.CopyOf(TestData.Architecture("llama31"));
        using var place = new TemporaryFolder();
        var error = Should.Throw<IOException>(() => PreparedModel.Write(
            source.Path, place.File("fp8"), Precision.Fp8, new() { Threads = 1 }, _ => source.SetJson("config.json", "torch_dtype", "float32"),
            TestContext.Current.CancellationToken));
        error.Message.ShouldContain("changed while they were read");
        Directory.EnumerateFileSystemEntries(place.Path).ShouldBeEmpty();
    }

    [Fact]
    public void Halves_of_killed_writers_go_with_the_next_one()
    {
        using var place = new TemporaryFolder();
        var half = Directory.CreateDirectory(place.File(".fp8.0123456789abcdef0123456789abcdef.part"));
        File.WriteAllText(Path.Combine(half.FullName, "config.json"), "{");
        Write(Source("llama31"), place, Precision.Fp8);
        Directory.EnumerateFileSystemEntries(place.Path).Select(Path.GetFileName).ShouldBe(["fp8"]);
    }

    [Fact]
    public void What_is_there_and_whole_is_left_alone_and_anything_else_is_refused()
    {
        using var place = new TemporaryFolder();
        Write(Source("llama31"), place, Precision.Fp8).WasThere.ShouldBeFalse();
        var before = File.GetLastWriteTimeUtc(Path.Combine(place.File("fp8"), "model.safetensors"));
        Write(Source("llama31"), place, Precision.Fp8).WasThere.ShouldBeTrue();
        File.GetLastWriteTimeUtc(Path.Combine(place.File("fp8"), "model.safetensors")).ShouldBe(before);
        Should.Throw<IOException>(() => PreparedModel.Write(Source("llama31"), place.File("fp8"), Precision.Int8, cancellation: TestContext.Current.CancellationToken))
            .Message.ShouldContain("is there and holds no model in int8: remove it, or choose another place");
        Directory.CreateDirectory(place.File("empty"));
        Should.Throw<IOException>(() => PreparedModel.Write(Source("llama31"), place.File("empty"), Precision.Int8, cancellation: TestContext.Current.CancellationToken));
        Should.Throw<DirectoryNotFoundException>(
            () => PreparedModel.Write(Source("llama31"), place.File("none/fp8"), Precision.Fp8, cancellation: TestContext.Current.CancellationToken));
    }

    [Fact]
    public void A_variant_of_other_files_is_not_taken_for_this_models()
    {
        using var place = new TemporaryFolder();
        using var source = TemporaryFolder.CopyOf(Source("llama31"));
        Write(source.Path, place, Precision.Fp8);
        Write(source.Path, place, Precision.Fp8).WasThere.ShouldBeTrue();
        File.SetLastWriteTimeUtc(source.File("model.safetensors"), new DateTime(2031, 1, 1, 0, 0, 0, DateTimeKind.Utc)); // written again
        Should.Throw<IOException>(() => Write(source.Path, place, Precision.Fp8)).Message.ShouldContain("is of other files than the model has now: remove it");
        Should.Throw<IOException>(() => Write(Source("mistral"), place, Precision.Fp8)).Message.ShouldContain("is of other files");
    }

    [Fact]
    public void A_variant_of_other_files_gives_way_where_that_is_asked_for_and_nothing_else_does()
    {
        using var place = new TemporaryFolder();
        using var source = TemporaryFolder.CopyOf(Source("llama31"));
        var options = new PreparedModelOptions { Threads = 1, Replace = true };
        var target = place.File("fp8");
        Write().WasThere.ShouldBeFalse();
        Write().WasThere.ShouldBeTrue();
        File.SetLastWriteTimeUtc(source.File("model.safetensors"), new DateTime(2031, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        Write().WasThere.ShouldBeFalse();
        Write().WasThere.ShouldBeTrue();
        Directory.GetDirectories(place.Path, "*", new EnumerationOptions { AttributesToSkip = 0 }).ShouldBe([target]);

        Directory.Delete(target, recursive: true);
        Directory.CreateDirectory(target);
        File.WriteAllText(Path.Combine(target, "mine.txt"), "not a variant");
        Should.Throw<IOException>(Write).Message.ShouldContain("remove it, or choose another place");
        File.Exists(Path.Combine(target, "mine.txt")).ShouldBeTrue();

        PreparedModelReport Write() => PreparedModel.Write(source.Path, target, Precision.Fp8, options, cancellation: TestContext.Current.CancellationToken);
    }

    [Theory]
    [InlineData(Precision.Auto, "there is no safetensors variant in auto; one is written in fp8 or int8")]
    [InlineData(Precision.Bf16, "there is no safetensors variant in bf16; one is written in fp8 or int8")]
    [InlineData(Precision.Fp4, "The packed file holds fp4: stoker pack --precision fp4")]
    public void Other_precisions_have_no_variant(Precision precision, string message)
    {
        using var place = new TemporaryFolder();
        Should.Throw<ArgumentException>(() => Write(Source("llama31"), place, precision)).Message.ShouldContain(message);
    }

    [Theory]
    [InlineData("story-3m-lora-bolt", "holds a LoRA addon")]
    [InlineData("story-3m-eagle", "holds a draft head")]
    public void Addons_and_heads_are_not_prepared(string model, string reason)
    {
        using var place = new TemporaryFolder();
        Should.Throw<ModelLoadException>(() => Write(TestData.Model(model), place, Precision.Fp8)).Reason.ShouldStartWith(reason);
    }

    [Fact]
    public void What_is_quantised_already_is_refused_with_its_form()
    {
        using var place = new TemporaryFolder();
        var target = Write(Source("llama31"), place, Precision.Fp8).Folder;
        var error = Should.Throw<ModelLoadException>(() => PreparedModel.Write(target, place.File("again"), Precision.Int8, cancellation: TestContext.Current.CancellationToken));
        error.Item.ShouldBe("quantization_config");
        error.Reason.ShouldContain("stored quantised (compressed-tensors: F8_E4M3 with one scale per row)");
    }

    private static void ShouldBeNear(float[] weights, PlainTensor codes, float[] scales, int columns, Precision precision)
    {
        codes.Type.ShouldBe(precision == Precision.Int8 ? "I8" : "F8_E4M3");
        for (var i = 0; i < weights.Length; i++)
        {
            var scale = scales[i / columns];
            var code = codes.Bytes[i];
            var (value, half) = precision == Precision.Int8
                ? ((sbyte)code * scale, scale / 2)
                : (PlainE4M3.Decode(code) * scale, Math.Max(Math.Abs(weights[i]) / 16, scale / 1024)); // 3 bits of mantissa; subnormals
            Math.Abs(value - weights[i]).ShouldBeLessThanOrEqualTo(half * 1.0001f, $"element {i}");
        }
    }

    private static PreparedModelReport Write(string source, TemporaryFolder place, Precision precision) => PreparedModel.Write(
        source, place.File(PrecisionNames.NameOf(precision)), precision, cancellation: TestContext.Current.CancellationToken);

    private static string Source(string model) =>
        model.StartsWith("story", StringComparison.Ordinal) ? TestData.Model(model) : TestData.Architecture(model);

    private static JsonObject Config(string folder) => JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "config.json")))!.AsObject();

    private static float[] Logits(string folder, Precision precision)
    {
        using var runner = new ModelRunner(folder, "portable", precision: precision);
        return runner.Run(Prompt, LogitRows.All);
    }
}
