using Stoker.Engine.Models;
using Stoker.Engine.Tests.Weights.Packed;
using Stoker.Engine.Weights.Packed;
using Stoker.Testing;

namespace Stoker.Engine.Tests.Models;

/// <summary>A mapped model computes the same bits as the plain folder, in every precision.</summary>
public class PackedModelTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<string, Precision> Cases()
    {
        var data = new TheoryData<string, Precision>();
        foreach (var precision in Enum.GetValues<Precision>())
        {
            foreach (var model in new[] { "gemma2", "llama31", "mistral", "mixtral", "phi3", "qwen2", "qwen3" }) data.Add(model, precision);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Packed_and_plain_give_the_same_bits(string architecture, Precision precision)
    {
        using var sample = PackedSample.Of(architecture, precision);
        Logits(sample.Folder, precision, PackedUse.Require).ShouldHaveTheBitsOf(Logits(sample.Folder, precision, PackedUse.Never), $"{architecture} {precision}");
    }

    [Theory]
    [InlineData(Precision.Auto)]
    [InlineData(Precision.Int8)]
    [InlineData(Precision.Fp8)]
    [InlineData(Precision.Fp4)]
    [InlineData(Precision.F32)]
    public void The_library_model_gives_the_same_bits(Precision precision)
    {
        using var folder = TemporaryFolder.CopyOf(TestData.Model("story-3m"));
        ModelPacker.Pack(folder.Path, new() { Precision = precision }, cancellation: Cancellation);
        Logits(folder.Path, precision, PackedUse.Require).ShouldHaveTheBitsOf(Logits(folder.Path, precision, PackedUse.Never), precision.ToString());
    }

    [Fact]
    public void Every_file_that_cannot_be_used_is_passed_over_with_its_reason()
    {
        using var sample = PackedSample.Of("qwen3");
        var plain = Logits(sample.Folder, Precision.Auto, PackedUse.Never);
        File.AppendAllText(sample.File, "tail");
        var notes = new List<string>();
        Logits(sample.Folder, Precision.Auto, PackedUse.Auto, notes).ShouldHaveTheBitsOf(plain, "with a broken packed file");
        notes.ShouldHaveSingleItem().ShouldContain("stoker-bf16.packed has ");
        Should.Throw<ModelLoadException>(() => Logits(sample.Folder, Precision.Auto, PackedUse.Require)).Message.ShouldContain("stoker pack");
    }

    [Fact]
    public void A_packed_file_of_another_graph_is_passed_over()
    {
        using var sample = PackedSample.Of("qwen3");
        using var other = PackedSample.Of("llama31");
        // Its sources are made to fit, as a hostile writer could: the graph still does not.
        foreach (var name in new[] { "config.json", "tokenizer.json", "model.safetensors" })
        {
            File.Copy(sample.Files.File(name), other.Files.File(name), overwrite: true);
            File.SetLastWriteTimeUtc(other.Files.File(name), File.GetLastWriteTimeUtc(sample.Files.File(name)));
        }

        PackedBytes.GraftSources(sample.File, other.File);
        var notes = new List<string>();
        Logits(other.Folder, Precision.Auto, PackedUse.Auto, notes).ShouldHaveTheBitsOf(Logits(sample.Folder, Precision.Auto, PackedUse.Never), "another graph");
        notes.ShouldHaveSingleItem();
    }

    [Fact]
    public void Warming_reads_the_panels_and_ends_with_the_file()
    {
        using var sample = PackedSample.Of("mixtral");
        using var file = PackedFile.Open(sample.File);
        var weights = file.ToWeights();
        using (var warmer = new PageWarmer([.. weights.Matrices.Values])) warmer.WaitForEnd();
        file.StartWarming(weights);
        weights.Dispose(); // while it may be at work
    }

    private static float[] Logits(string folder, Precision precision, PackedUse packed, List<string>? notes = null)
    {
        using var runner = new ModelRunner(folder, "reference", precision: precision, packed: packed, notes: notes);
        return runner.Run([1, 2, 3, 100, 5, 6, 250, 8], LogitRows.All);
    }
}
