using Stoker.Engine.Models;
using Stoker.Engine.Native;
using Stoker.Engine.Tests.Weights.Packed;
using Stoker.Engine.Weights;
using Stoker.Engine.Weights.Packed;
using Stoker.Testing;

namespace Stoker.Engine.Tests.Models;

/// <summary>Writing packed models: once, whole or not at all, by one writer at a time.</summary>
public class ModelPackerTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public void Packs_once_and_leaves_a_good_file_alone()
    {
        using var sample = PackedSample.Of("qwen3");
        sample.Report.WasThere.ShouldBeFalse();
        sample.Added().ShouldBe(["stoker-bf16.packed"]);
        var written = File.GetLastWriteTimeUtc(sample.File);
        var again = ModelPacker.Pack(sample.Folder, cancellation: Cancellation);
        again.ShouldBe(sample.Report with { WasThere = true });
        File.GetLastWriteTimeUtc(sample.File).ShouldBe(written);
    }

    [Fact]
    public void The_same_source_gives_the_same_bytes()
    {
        using var sample = PackedSample.Of("mixtral", Precision.Int8);
        var first = File.ReadAllBytes(sample.File);
        ModelPacker.Pack(sample.Folder, new() { Precision = Precision.Int8, Force = true, Threads = 4 }, cancellation: Cancellation).WasThere.ShouldBeFalse();
        File.ReadAllBytes(sample.File).ShouldBe(first);
    }

    [Theory]
    [InlineData("qwen2", "stoker-f16.packed")] // stored as f16
    [InlineData("qwen3", "stoker-bf16.packed")]
    public void Auto_is_named_after_what_it_gives(string architecture, string name)
    {
        using var sample = PackedSample.Of(architecture);
        sample.Added().ShouldBe([name]);
        ModelPacker.IsPacked(sample.Folder).ShouldBeTrue();
    }

    [Fact]
    public void A_bf16_model_packed_by_itself_serves_bf16_too_and_nothing_else()
    {
        using var sample = PackedSample.Of("qwen3");
        Enum.GetValues<Precision>().Where(precision => ModelPacker.IsPacked(sample.Folder, precision)).ShouldBe([Precision.Auto, Precision.Bf16]);
        using var rounded = PackedSample.Of("qwen2", Precision.Bf16); // f16 stored: rounding is not what auto means
        Enum.GetValues<Precision>().Where(precision => ModelPacker.IsPacked(rounded.Folder, precision)).ShouldBe([Precision.Bf16]);
    }

    [Fact]
    public void A_file_that_is_no_longer_good_is_replaced()
    {
        using var sample = PackedSample.Of("qwen3");
        File.WriteAllText(sample.File, "broken");
        ModelPacker.IsPacked(sample.Folder).ShouldBeFalse();
        ModelPacker.Pack(sample.Folder, cancellation: Cancellation).WasThere.ShouldBeFalse();
        File.SetLastWriteTimeUtc(sample.Files.File("config.json"), new DateTime(2031, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        ModelPacker.IsPacked(sample.Folder).ShouldBeFalse();
        ModelPacker.Pack(sample.Folder, cancellation: Cancellation).WasThere.ShouldBeFalse();
        ModelPacker.Verify(sample.Folder, cancellation: Cancellation).File.ShouldBe(sample.File);
    }

    [Fact]
    public void A_mapped_file_stays_as_it_was_while_it_is_replaced()
    {
        using var sample = PackedSample.Of("qwen3");
        using var mapped = PackedFile.Open(sample.File);
        ModelPacker.Pack(sample.Folder, new() { Force = true }, cancellation: Cancellation);
        mapped.VerifyPanels(1, Cancellation);
    }

    [Fact]
    public void Halves_of_writers_that_are_no_more_are_removed()
    {
        using var folder = TemporaryFolder.CopyOf(TestData.Architecture("qwen3"));
        File.WriteAllText(folder.File(PackedFolder.TemporaryName("stoker-bf16.packed")), "half");
        File.WriteAllText(folder.File(PackedFolder.TemporaryName("stoker-fp4.packed")), "half");
        ModelPacker.IsPacked(folder.Path).ShouldBeFalse();
        ModelPacker.Pack(folder.Path, cancellation: Cancellation);
        Directory.EnumerateFiles(folder.Path, "*.part", new EnumerationOptions { AttributesToSkip = 0 }).ShouldBeEmpty();
    }

    [Fact]
    public void A_full_disk_is_said_with_both_figures_and_leaves_nothing()
    {
        using var folder = TemporaryFolder.CopyOf(TestData.Architecture("qwen3"));
        var error = Should.Throw<IOException>(() => ModelPacker.Pack(folder.Path, new() { FreeBytes = _ => 1000 }, cancellation: Cancellation));
        error.Message.ShouldContain("the disk has 1000 left: make room");
        Names(folder).ShouldNotContain(name => name.Contains(".packed", StringComparison.Ordinal));
    }

    [Fact]
    public void Cancelled_in_the_middle_it_leaves_nothing_and_the_old_file()
    {
        using var sample = PackedSample.Of("qwen3");
        var before = File.ReadAllBytes(sample.File);
        using var stop = new CancellationTokenSource();
        Should.Throw<OperationCanceledException>(
            () => ModelPacker.Pack(sample.Folder, new() { Force = true, Threads = 1 }, _ => stop.Cancel(), stop.Token));
        sample.Added().ShouldBe(["stoker-bf16.packed"]);
        File.ReadAllBytes(sample.File).ShouldBe(before);
    }

    [Fact]
    public void Sources_that_change_meanwhile_make_no_packed_model()
    {
        using var folder = TemporaryFolder.CopyOf(TestData.Architecture("qwen3"));
        var error = Should.Throw<IOException>(() => ModelPacker.Pack(
            folder.Path, new() { Threads = 1 }, _ => File.AppendAllText(folder.File("config.json"), " "), Cancellation));
        error.Message.ShouldContain("changed while they were packed");
        Names(folder).ShouldNotContain(name => name.Contains(".packed", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Writers_take_turns_and_the_second_finds_the_work_done()
    {
        using var folder = TemporaryFolder.CopyOf(TestData.Architecture("qwen3"));
        var waiting = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var other = DirectoryLock.Acquire(folder.Path, null, Cancellation);
        var reports = Enumerable.Range(0, 4).Select(_ => Task.Run(
            () => ModelPacker.Pack(folder.Path, new() { Waiting = () => waiting.TrySetResult() }, cancellation: Cancellation), Cancellation)).ToList();
        if (other.IsHeld) await waiting.Task.WaitAsync(Cancellation);
        Names(folder).ShouldNotContain(name => name.Contains(".packed", StringComparison.Ordinal));
        other.Dispose();
        var all = await Task.WhenAll(reports);
        all.Count(report => !report.WasThere).ShouldBe(1);
        ModelPacker.Verify(folder.Path, cancellation: Cancellation);
    }

    [Fact]
    public void Waiting_for_another_writer_can_be_cancelled()
    {
        using var folder = TemporaryFolder.CopyOf(TestData.Architecture("qwen3"));
        using var other = DirectoryLock.Acquire(folder.Path, null, Cancellation);
        Assert.SkipUnless(other.IsHeld, "this system has no locks of folders");
        using var stop = new CancellationTokenSource();
        Should.Throw<OperationCanceledException>(
            () => ModelPacker.Pack(folder.Path, new() { Waiting = stop.Cancel }, cancellation: stop.Token));
    }

    [Fact]
    public void Output_goes_where_it_is_asked_for()
    {
        using var folder = TemporaryFolder.CopyOf(TestData.Architecture("qwen3"));
        using var elsewhere = new TemporaryFolder();
        var report = ModelPacker.Pack(folder.Path, new() { Output = elsewhere.File("m.packed") }, cancellation: Cancellation);
        report.File.ShouldBe(elsewhere.File("m.packed"));
        ModelPacker.IsPacked(folder.Path).ShouldBeFalse();
        ModelPacker.Verify(folder.Path, packedFile: report.File, cancellation: Cancellation).ShouldBe(report with { WasThere = true });
        Should.Throw<DirectoryNotFoundException>(
            () => ModelPacker.Pack(folder.Path, new() { Output = elsewhere.File("no/m.packed") }, cancellation: Cancellation)).Message.ShouldContain("--output");
    }

    [Theory]
    [InlineData("model.safetensors")]
    [InlineData("config.json")]
    [InlineData("no/such/name.txt")]
    [InlineData("")]
    [InlineData(null)] // the folder itself
    public void Output_replaces_nothing_but_packed_models(string? name)
    {
        using var folder = TemporaryFolder.CopyOf(TestData.Architecture("qwen3"));
        var before = File.ReadAllBytes(folder.File("model.safetensors"));
        var output = name switch { null => folder.Path, "" => "", _ => folder.File(name) };
        Should.Throw<ArgumentException>(() => ModelPacker.Pack(folder.Path, new() { Output = output, Force = true }, cancellation: Cancellation))
            .Message.ShouldContain("ends in .packed");
        File.ReadAllBytes(folder.File("model.safetensors")).ShouldBe(before);
    }

    [Fact]
    public void A_place_that_cannot_be_written_is_said()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "no file can be made in /proc, not even by root");
        using var folder = TemporaryFolder.CopyOf(TestData.Architecture("qwen3"));
        var error = Record.Exception(() => ModelPacker.Pack(folder.Path, new() { Output = "/proc/m.packed" }, cancellation: Cancellation));
        (error is IOException or UnauthorizedAccessException).ShouldBeTrue(error?.ToString());
    }

    [Theory]
    [InlineData("story-3m-lora-zog", "a LoRA addon")]
    [InlineData("story-3m-eagle", "a draft head")]
    public void Only_whole_models_are_packed(string model, string named)
    {
        using var folder = TemporaryFolder.CopyOf(TestData.Model(model));
        Should.Throw<ModelLoadException>(() => ModelPacker.Pack(folder.Path, cancellation: Cancellation)).Message.ShouldContain(named);
    }

    [Fact]
    public void A_weight_that_is_no_number_is_named()
    {
        using var folder = TemporaryFolder.CopyOf(TestData.Architecture("qwen3"));
        const string Tensor = "model.layers.0.self_attn.q_proj.weight";
        var bytes = File.ReadAllBytes(folder.File("model.safetensors"));
        var header = SafetensorsHeader.Parse("f", bytes.AsSpan(8, BitConverter.ToInt32(bytes)), bytes.Length);
        BitConverter.TryWriteBytes(bytes.AsSpan((int)(header.DataStart + header.Tensors[Tensor].Begin)), (ushort)0x7FC0); // a bf16 NaN
        File.WriteAllBytes(folder.File("model.safetensors"), bytes);
        var error = Should.Throw<ModelLoadException>(() => ModelPacker.Pack(folder.Path, new() { Precision = Precision.Int8 }, cancellation: Cancellation));
        error.Item.ShouldBe(Tensor);
        Names(folder).ShouldNotContain(name => name.Contains(".packed", StringComparison.Ordinal));
    }

    [Fact]
    public void Verification_without_a_file_says_what_to_do()
    {
        Should.Throw<ModelLoadException>(() => ModelPacker.Verify(TestData.Architecture("qwen3"), Precision.Fp8, cancellation: Cancellation))
            .Message.ShouldBe("stoker-fp8.packed: is not there: run stoker pack first");
    }

    private static IEnumerable<string> Names(TemporaryFolder folder) => Directory.EnumerateFiles(folder.Path).Select(file => Path.GetFileName(file));
}
