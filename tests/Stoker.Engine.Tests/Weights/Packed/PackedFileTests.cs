using System.Buffers.Binary;
using System.Text;
using Stoker.Engine.Models;
using Stoker.Engine.Weights.Packed;

namespace Stoker.Engine.Tests.Weights.Packed;

/// <summary>A file that is not exactly what was written for this model on this machine is refused, never used.</summary>
public class PackedFileTests
{
    private static readonly string[] Refusals =
    [
        "is no packed model", "is of format version", "has a damaged", "is laid out for", "it is cut", "claims", "outside of its",
        "that ends in the middle", "in the wrong place", "does not cover", "has an item of", "makes no sense", "with a tail",
        "not to be used", "names a source", "was made of another", "with a name that is no text",
        "has damaged panels",
    ];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public void A_fresh_file_is_good_to_the_last_byte()
    {
        using var sample = PackedSample.Of("qwen3");
        using var file = PackedFile.Open(sample.File, sample.Folder, Precision.Auto);
        file.VerifyPanels(2, Cancellation);
        file.Tokenizer.ShouldNotBeNull().Encode("abc", addSpecialTokens: false).Length.ShouldBe(3);
        file.Description.ParameterCount.ShouldBe(ModelFolder.Inspect(sample.Folder).ParameterCount);
        new FileInfo(sample.File).Length.ShouldBe(file.LengthBytes);
    }

    [Fact]
    public void Panels_start_at_a_huge_page_and_matrices_at_a_page()
    {
        using var sample = PackedSample.Of("qwen3");
        using var file = PackedFile.Open(sample.File);
        var matrices = file.Entries.Where(entry => entry.IsMatrix).ToList();
        (matrices[0].Offset % PackedFormat.HugePageBytes).ShouldBe(0);
        matrices.ShouldAllBe(entry => entry.Offset % PackedFormat.PageBytes == 0);
    }

    [Fact]
    public void Another_version_is_refused_with_both_numbers()
    {
        using var sample = PackedSample.Of("qwen3");
        Change(sample.File, 8, bytes => BinaryPrimitives.WriteUInt32LittleEndian(bytes, 77));
        Refusal(sample).ShouldBe($"is of format version 77, this program reads {PackedFormat.Version}");
    }

    [Theory]
    [InlineData("panel16.le.x64")]
    [InlineData("panel32.be.s390x")]
    public void Another_layout_or_machine_class_is_refused(string layout)
    {
        using var sample = PackedSample.Of("qwen3");
        ChangeHeader(sample.File, header => Text(header.Slice(16, 32), layout));
        Refusal(sample).ShouldBe($"is laid out for '{layout}', this machine uses '{PackedFormat.Layout}'");
    }

    [Fact]
    public void The_layout_names_byte_order_and_processor_class()
    {
        PackedFormat.Layout.Split('.').Length.ShouldBe(3);
        PackedFormat.Layout.ShouldStartWith("panel32.");
    }

    [Fact]
    public void Another_precision_is_refused()
    {
        using var sample = PackedSample.Of("qwen3", Precision.Int8);
        Refusal(() => PackedFile.Open(sample.File, sample.Folder, Precision.Fp8)).ShouldBe("holds int8, which is not fp8 of this model");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(4095)]
    [InlineData(4096)]
    [InlineData(9000)]
    [InlineData(-1)]
    public void A_cut_file_is_refused(int length)
    {
        using var sample = PackedSample.Of("qwen3");
        var whole = File.ReadAllBytes(sample.File);
        File.WriteAllBytes(sample.File, whole.AsSpan(0, length < 0 ? whole.Length + length : length).ToArray());
        Refusal(sample).ShouldContain("cut");
    }

    [Fact]
    public void A_tail_is_refused()
    {
        using var sample = PackedSample.Of("qwen3");
        File.AppendAllText(sample.File, "x");
        Refusal(sample).ShouldContain("it is cut or has a tail");
    }

    [Fact]
    public void Another_file_or_none_is_refused()
    {
        using var sample = PackedSample.Of("qwen3");
        File.WriteAllBytes(sample.File, new byte[10_000]);
        Refusal(sample).ShouldBe("is no packed model");
        File.Delete(sample.File);
        Refusal(sample).ShouldBe("is not there");
        Directory.CreateDirectory(sample.File);
        Refusal(sample).ShouldStartWith("cannot be read");
    }

    [Theory]
    [InlineData("config.json")]
    [InlineData("tokenizer.json")]
    [InlineData("model.safetensors")]
    public void A_touched_source_is_noticed_and_named(string name)
    {
        using var sample = PackedSample.Of("qwen3");
        File.SetLastWriteTimeUtc(sample.Files.File(name), new DateTime(2031, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        Refusal(sample).ShouldBe($"was made of another {name}");
    }

    [Fact]
    public void A_source_replaced_under_its_old_time_and_size_is_noticed()
    {
        using var sample = PackedSample.Of("qwen3");
        var path = sample.Files.File("model.safetensors");
        var time = File.GetLastWriteTimeUtc(path);
        Change(path, (int)new FileInfo(path).Length - 1, last => last[0] ^= 1);
        File.SetLastWriteTimeUtc(path, time);
        Refusal(sample).ShouldBe("was made of another model.safetensors");
    }

    [Fact]
    public void A_source_that_goes_or_comes_is_noticed()
    {
        using var sample = PackedSample.Of("mistral"); // two shards
        File.Copy(sample.Files.File("model-00001-of-00002.safetensors"), sample.Files.File("model.safetensors"));
        Refusal(sample).ShouldBe("was made of another model.safetensors");
        File.Delete(sample.Files.File("model.safetensors"));
        PackedFile.Open(sample.File, sample.Folder, Precision.Auto).Dispose();
        File.Delete(sample.Files.File("model-00002-of-00002.safetensors"));
        Refusal(sample).ShouldBe("was made of another model-00002-of-00002.safetensors");
    }

    [Fact]
    public void Files_that_are_read_from_the_folder_may_change()
    {
        using var sample = PackedSample.Of("qwen3");
        File.WriteAllText(sample.Files.File("generation_config.json"), "{}");
        File.WriteAllText(sample.Files.File("chat_template.jinja"), "{{ messages }}");
        PackedFile.Open(sample.File, sample.Folder, Precision.Auto).Dispose();
    }

    [Fact]
    public void A_damaged_panel_is_found_by_verification()
    {
        using var sample = PackedSample.Of("qwen3");
        long at;
        using (var file = PackedFile.Open(sample.File)) at = file.Entries.Last(entry => entry.IsMatrix).Offset + 17;
        Change(sample.File, at, bytes => bytes[0] ^= 0x10);
        using var damaged = PackedFile.Open(sample.File, sample.Folder, Precision.Auto);
        Refusal(() => damaged.VerifyPanels(2, Cancellation)).ShouldBe("has damaged panels in 'head'");
        Should.Throw<ModelLoadException>(() => ModelPacker.Verify(sample.Folder, cancellation: Cancellation)).Message.ShouldContain("damaged panels");
    }

    /// <summary>Every byte before the panels, several bits each: seen at open, whatever it was.</summary>
    [Fact]
    public void A_flipped_bit_before_the_panels_never_passes()
    {
        using var sample = PackedSample.Of("qwen3");
        var whole = File.ReadAllBytes(sample.File);
        var random = new Random(20261122);
        foreach (var at in UsedBytes(whole))
        {
            var bit = (byte)(1 << random.Next(8));
            Change(sample.File, at, bytes => bytes[0] ^= bit);
            Refusal(sample).ShouldContain(Refusals, $"byte {at}, bit {bit}");
            Change(sample.File, at, bytes => bytes[0] ^= bit);
        }

        PackedFile.Open(sample.File, sample.Folder, Precision.Auto).Dispose();
    }

    /// <summary>Figures that make no sense under right checksums: what a broken or hostile writer could make.</summary>
    [Fact]
    public void Absurd_figures_never_pass_even_with_right_checksums()
    {
        using var sample = PackedSample.Of("qwen3");
        var whole = File.ReadAllBytes(sample.File);
        var random = new Random(77);
        long[] absurd = [0, 1, -1, 4096, -4096, long.MaxValue, long.MinValue, 1L << 40, int.MaxValue, int.MinValue, whole.Length, whole.Length - 1];
        for (var round = 0; round < 600; round++)
        {
            var changed = (byte[])whole.Clone();
            var value = random.Next(3) == 0 ? random.NextInt64() : absurd[random.Next(absurd.Length)];
            if (round % 2 == 0) ChangeHeaderFigure(changed, random, value);
            else ChangeDirectoryFigure(changed, random, value);
            if (changed.AsSpan().SequenceEqual(whole)) continue; // it said so already
            File.WriteAllBytes(sample.File, changed);
            try
            {
                // A name may be any text, and the bits of other precisions any: they are held against the config elsewhere.
                using var file = PackedFile.Open(sample.File);
                file.ToWeights().Matrices.Values.ShouldAllBe(matrix => matrix.SizeBytes > 0);
                file.VerifyPanels(1, Cancellation); // reads all that the figures name
            }
            catch (PackedFileException refused)
            {
                refused.Message.ShouldContain(Refusals, $"round {round}, value {value}");
            }
        }
    }

    private static void ChangeHeaderFigure(byte[] file, Random random, long value)
    {
        // 72: file length; 80..200: sections; 200, 208: panels; 68: count
        var at = random.Next(4) == 0 ? 68 : 72 + (8 * random.Next(18));
        if (at == 68) BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(at), (int)value);
        else BinaryPrimitives.WriteInt64LittleEndian(file.AsSpan(at), value);
        PackedBytes.Sign(file);
    }

    private static void ChangeDirectoryFigure(byte[] file, Random random, long value)
    {
        var (offset, length) = PackedBytes.Section(file, PackedBytes.DirectoryAt);
        var size = 1 << random.Next(4);
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, value);
        bytes[..size].CopyTo(file.AsSpan(offset + random.Next(length - size)));
        PackedBytes.Sign(file, PackedBytes.DirectoryAt);
    }

    /// <summary>The header and each section, without the gaps: those are never read.</summary>
    private static int[] UsedBytes(byte[] file)
    {
        var used = new List<int>(Enumerable.Range(0, 216));
        used.AddRange([300, 4095]);
        for (var section = 0; section < 5; section++)
        {
            var (offset, length) = PackedBytes.Section(file, PackedBytes.SourcesAt + (24 * section));
            var step = Math.Max(1, length / 100);
            for (var i = 0; i < length; i += step) used.Add(offset + i);
            if (length > 0) used.Add(offset + length - 1);
        }

        return [.. used.Distinct()];
    }

    private static void ChangeHeader(string path, HeaderChange change)
    {
        var file = File.ReadAllBytes(path);
        change(file.AsSpan(0, PackedFormat.HeaderBytes));
        PackedBytes.Sign(file);
        File.WriteAllBytes(path, file);
    }

    private static void Text(Span<byte> target, string text)
    {
        target.Clear();
        Encoding.ASCII.GetBytes(text).CopyTo(target);
    }

    private static void Change(string path, long at, Action<byte[]> change)
    {
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
        var bytes = new byte[4];
        var count = RandomAccess.Read(file, bytes, at);
        change(bytes);
        RandomAccess.Write(file, bytes.AsSpan(0, count), at);
    }

    private static string Refusal(PackedSample sample) => Refusal(() => PackedFile.Open(sample.File, sample.Folder, Precision.Auto).Dispose());

    private static string Refusal(Action open) => Should.Throw<PackedFileException>(open).Message;

    private delegate void HeaderChange(Span<byte> header);
}

internal static class RefusalAssertions
{
    public static void ShouldContain(this string message, string[] known, string what) =>
        known.Any(part => message.Contains(part, StringComparison.Ordinal)).ShouldBeTrue($"{what}: {message}");
}
