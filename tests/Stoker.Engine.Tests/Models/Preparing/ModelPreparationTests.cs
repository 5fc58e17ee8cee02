using Stoker.Engine.Models;
using Stoker.Engine.Models.Preparing;
using Stoker.Engine.Tests.Models.Quantized;
using Stoker.Testing;

namespace Stoker.Engine.Tests.Models.Preparing;

/// <summary>Both artefacts of a precision, in one call that can be made again.</summary>
public class ModelPreparationTests
{
    [Fact]
    public void Packed_file_and_variant_are_written_with_progress_to_the_end()
    {
        using var model = TemporaryFolder.CopyOf(TestData.Model("story-3m"));
        using var place = new TemporaryFolder();
        var told = new Told();
        var report = Run(model, Precision.Fp8, place.File("variant"), told);
        (Path.GetFileName(report.Packed.File), report.Packed.Precision, report.Packed.WasThere).ShouldBe(("stoker-fp8.packed", "fp8", false));
        (report.Safetensors!.Precision, report.Safetensors.WasThere).ShouldBe(("fp8", false));
        ModelPacker.IsPacked(model.Path, Precision.Fp8).ShouldBeTrue();
        ModelFolder.Inspect(place.File("variant")).DefaultPrecision.ShouldBe(Precision.Fp8);

        told.All.Select(now => now.Percent).ShouldBe(told.All.Select(now => now.Percent).Distinct().Order());
        told.All[^1].ShouldSatisfyAllConditions(
            last => last.Percent.ShouldBe(100), last => last.Stage.ShouldBe(PreparationStage.Safetensors), last => last.DoneBytes.ShouldBe(last.TotalBytes));
        told.All.Last(now => now.Stage == PreparationStage.Packed).Percent.ShouldBe(50);
    }

    [Fact]
    public void Run_again_it_leaves_both_alone_and_makes_good_what_is_missing()
    {
        using var model = TemporaryFolder.CopyOf(TestData.Architecture("llama31"));
        using var place = new TemporaryFolder();
        Run(model, Precision.Int8, place.File("variant"));
        var again = Run(model, Precision.Int8, place.File("variant"));
        (again.Packed.WasThere, again.Safetensors!.WasThere).ShouldBe((true, true));
        Directory.Delete(place.File("variant"), recursive: true);
        again = Run(model, Precision.Int8, place.File("variant"));
        (again.Packed.WasThere, again.Safetensors!.WasThere).ShouldBe((true, false));
    }

    [Fact]
    public void Fp4_has_the_packed_file_alone()
    {
        using var model = TemporaryFolder.CopyOf(TestData.Architecture("llama31"));
        using var place = new TemporaryFolder();
        Should.Throw<ArgumentException>(() => Run(model, Precision.Fp4, place.File("variant"))).Message.ShouldContain("there is no safetensors variant in fp4");
        ModelPacker.IsPacked(model.Path, Precision.Fp4).ShouldBeFalse(); // refused before anything is written
        var told = new Told();
        var report = Run(model, Precision.Fp4, null, told);
        (report.Packed.Precision, report.Safetensors).ShouldBe(("fp4", null));
        told.All[^1].Percent.ShouldBe(100);
    }

    [Theory]
    [InlineData(Precision.Auto)]
    [InlineData(Precision.F32)]
    [InlineData(Precision.Bf16)]
    public void What_a_model_is_stored_in_is_not_prepared(Precision precision)
    {
        using var model = TemporaryFolder.CopyOf(TestData.Architecture("llama31"));
        Should.Throw<ArgumentException>(() => Run(model, precision, null))
            .Message.ShouldStartWith($"a model is prepared in int8, fp8, fp4, not in {PrecisionNames.NameOf(precision)}: 16 and 32 bits are run from its own files");
    }

    [Theory]
    [InlineData("compressed channel", Precision.Fp8, Precision.Int8)]
    [InlineData("fp8 blocks", Precision.Fp8, Precision.Fp4)]
    [InlineData("compressed int8", Precision.Int8, Precision.Fp8)]
    public void What_is_stored_quantised_is_packed_as_it_is_stored_and_becomes_nothing_else(string form, Precision own, Precision other)
    {
        using var model = new QuantizedModel("llama31", form);
        using var place = new TemporaryFolder();
        Should.Throw<ModelLoadException>(() => Run(model.Stored, other, null)).Reason
            .ShouldMatch($"^says that the model is stored quantised \\(.*\\): it is packed in {PrecisionNames.NameOf(own)} alone, .* prepare its 16-bit checkpoint for another precision$");
        Should.Throw<ModelLoadException>(() => Run(model.Stored, own, place.File("variant"))).Item.ShouldBe("quantization_config");
        Directory.EnumerateFiles(model.Folder, "*.packed").ShouldBeEmpty(); // refused before anything is written
        Directory.EnumerateFileSystemEntries(place.Path).ShouldBeEmpty();

        Run(model.Stored, own, null).Packed.ShouldSatisfyAllConditions(
            packed => packed.Precision.ShouldBe(PrecisionNames.NameOf(own)), packed => packed.WasThere.ShouldBeFalse());
    }

    [Fact]
    public void Addons_are_refused()
    {
        using var model = TemporaryFolder.CopyOf(TestData.Model("story-3m-lora-bolt"));
        Should.Throw<ModelLoadException>(() => Run(model, Precision.Fp8, null)).Reason.ShouldBe("holds a LoRA addon; only whole models are packed");
    }

    [Fact]
    public void Cancelled_during_the_variant_the_packed_file_stays()
    {
        using var model = TemporaryFolder.CopyOf(TestData.Model("story-3m"));
        using var place = new TemporaryFolder();
        using var stop = new CancellationTokenSource();
        var told = new Told { OnReport = now => { if (now.Stage == PreparationStage.Safetensors) stop.Cancel(); } };
        Should.Throw<OperationCanceledException>(() => ModelPreparation.Run(Request(model, Precision.Fp8, place.File("variant")), told, stop.Token));
        ModelPacker.IsPacked(model.Path, Precision.Fp8).ShouldBeTrue();
        Directory.EnumerateFileSystemEntries(place.Path).ShouldBeEmpty();
    }

    private static PreparationReport Run(TemporaryFolder model, Precision precision, string? variant, IProgress<PreparationProgress>? progress = null) =>
        ModelPreparation.Run(Request(model, precision, variant), progress, TestContext.Current.CancellationToken);

    private static PreparationRequest Request(TemporaryFolder model, Precision precision, string? variant) =>
        new() { ModelFolder = model.Path, Precision = precision, SafetensorsFolder = variant, Threads = 1 };

    /// <summary>Called at once, not by way of a thread pool as the framework's own.</summary>
    private sealed class Told : IProgress<PreparationProgress>
    {
        public List<PreparationProgress> All { get; } = [];

        public Action<PreparationProgress>? OnReport { get; init; }

        public void Report(PreparationProgress value)
        {
            All.Add(value);
            OnReport?.Invoke(value);
        }
    }
}
