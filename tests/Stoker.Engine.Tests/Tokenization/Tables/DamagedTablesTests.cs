using Stoker.Engine.Tokenization;
using Stoker.Engine.Tokenization.Tables;
using Stoker.Testing;

namespace Stoker.Engine.Tests.Tokenization.Tables;

/// <summary>
/// Sections that are cut, damaged or forged: an error that says so when they are opened, or a plain exception when a
/// forged index is used; never a crash, never bytes from elsewhere.
/// </summary>
public sealed class DamagedTablesTests
{
    private static readonly byte[] Whole = TablesSection.Of(Stack().Load());

    [Fact]
    public void Every_changed_bit_of_a_small_section_is_an_error()
    {
        var section = Whole.ToArray();
        for (var at = 0; at < section.Length; at++)
        {
            var bit = (byte)(1 << (at % 8));
            section[at] ^= bit;
            Refused(section);
            section[at] ^= bit;
        }

        TablesSection.Open(section).Encode("ab", addSpecialTokens: false).ShouldNotBeEmpty();
    }

    [Fact]
    public void Every_cut_and_every_longer_section_is_an_error()
    {
        for (var length = 0; length < Whole.Length; length += 61) Refused(Whole.AsSpan(0, length));
        Refused([.. Whole, .. new byte[64]]);
    }

    [Fact]
    public void Another_version_names_both()
    {
        var section = Whole.ToArray();
        section[8] = 200;
        Should.Throw<ModelLoadException>(() => TablesSection.Open(section)).Message
            .ShouldBe($"tokenizer tables: have version 200; this program reads version {TablesFormat.Version} on a little-endian machine");
    }

    [Theory]
    [InlineData(nameof(TablePart.Model), 8, 0, "has no tokens")] // size
    [InlineData(nameof(TablePart.Model), 8, 999_999, "must have")]
    [InlineData(nameof(TablePart.Model), 12, -2, "unknown token outside")]
    [InlineData(nameof(TablePart.Model), 12, 999_999, "unknown token outside")]
    [InlineData(nameof(TablePart.Model), 16, 64, "options that are not known")]
    [InlineData(nameof(TablePart.Model), 20, 1, "options that are not known")]
    [InlineData(nameof(TablePart.ByteIds), 0, 999_999, "id outside the vocabulary")]
    [InlineData(nameof(TablePart.ByteIds), 0, -2, "id outside the vocabulary")]
    [InlineData(nameof(TablePart.Before), 0, -1, "id outside the vocabulary")]
    [InlineData(nameof(TablePart.RawTokens), 0, -1, "entry outside")] // start
    [InlineData(nameof(TablePart.RawTokens), 0, 999_999, "entry outside")]
    [InlineData(nameof(TablePart.RawTokens), 4, 0, "entry outside")] // length
    [InlineData(nameof(TablePart.RawTokens), 4, int.MaxValue, "entry outside")]
    [InlineData(nameof(TablePart.RawTokens), 8, 999_999, "entry outside")] // id
    [InlineData(nameof(TablePart.Rules), 0, 0x20202020, "Rules")]
    public void A_forged_figure_of_the_small_parts_is_an_error(string part, int at, int value, string expected)
    {
        var section = Whole.ToArray();
        BitConverter.TryWriteBytes(section.AsSpan(TablesSection.PartOf(section, Enum.Parse<TablePart>(part)))[at..], value).ShouldBeTrue();
        TablesSection.Sign(section);
        Refused(section, expected);
    }

    [Theory]
    [InlineData(nameof(TablePart.TextOffsets), "must have")]
    [InlineData(nameof(TablePart.ValueOffsets), "must have")]
    [InlineData(nameof(TablePart.PieceOffsets), "must have")]
    [InlineData(nameof(TablePart.TextSlots), "no power of two")]
    [InlineData(nameof(TablePart.PieceSlots), "no power of two")]
    [InlineData(nameof(TablePart.Merges), "no power of two")]
    [InlineData(nameof(TablePart.Flags), "must have")]
    [InlineData(nameof(TablePart.ByteIds), "must have 256 ids")]
    [InlineData(nameof(TablePart.Model), "wrong size")]
    public void A_forged_extent_is_an_error(string part, string expected)
    {
        var section = Whole.ToArray();
        var lengthAt = TablesSection.HeaderBytes + ((int)Enum.Parse<TablePart>(part) * 8) + 4;
        BitConverter.TryWriteBytes(section.AsSpan(lengthAt), BitConverter.ToInt32(section, lengthAt) - 16);
        TablesSection.Sign(section);
        Refused(section, expected);
        BitConverter.TryWriteBytes(section.AsSpan(lengthAt), int.MaxValue);
        TablesSection.Sign(section);
        Refused(section, "which is not in their");
    }

    [Theory]
    [InlineData(nameof(TablePart.TextSlots))]
    [InlineData(nameof(TablePart.PieceSlots))]
    [InlineData(nameof(TablePart.Merges))]
    public void A_forged_hash_without_a_free_slot_still_ends_every_search(string part)
    {
        var section = Whole.ToArray();
        section.AsSpan(TablesSection.PartOf(section, Enum.Parse<TablePart>(part))).Fill(1); // the same strange entry in all slots
        TablesSection.Sign(section);
        Use(TablesSection.Open(section), random: null);
    }

    [Fact]
    public void Forged_sections_never_crash_the_process()
    {
        const int Seed = 20260;
        var random = new Random(Seed);
        byte[][] originals = [Whole, TablesSection.Of(SentencePiece().Load()), TablesSection.Of(Tokenizer.Load(TestData.Model("story-3m")))];
        var (opened, refused) = (0, 0);
        for (var round = 0; round < 900; round++)
        {
            var section = originals[round % originals.Length].ToArray();
            Damage(section, random);
            TablesSection.Sign(section);
            try
            {
                var tokenizer = TablesSection.Open(section);
                opened++;
                Use(tokenizer, random);
            }
            catch (ModelLoadException)
            {
                refused++;
            }
            catch (Exception error)
            {
                throw new InvalidOperationException($"seed {Seed}, round {round}", error);
            }
        }

        opened.ShouldBeGreaterThan(100); // both ways out were taken
        refused.ShouldBeGreaterThan(100);
    }

    /// <summary>Changes up to eight numbers, most of them to values at the edges.</summary>
    private static void Damage(byte[] section, Random random)
    {
        var part = TablesSection.PartOf(section, (TablePart)random.Next(TablesFormat.PartCount));
        var anywhere = random.Next(4) == 0 || part.Start.Value == part.End.Value;
        var (from, to) = anywhere ? (TablesSection.HeaderBytes, section.Length) : (part.Start.Value, part.End.Value);
        for (var change = random.Next(1, 9); change > 0; change--)
        {
            var at = random.Next(from, to);
            if (random.Next(2) == 0 && at + 4 <= section.Length)
            {
                int[] edges = [-1, 0, 1, int.MaxValue, int.MinValue, 0x7FFF, random.Next()];
                BitConverter.TryWriteBytes(section.AsSpan(at & ~3), edges[random.Next(edges.Length)]);
            }
            else
            {
                section[at] = (byte)random.Next(256);
            }
        }
    }

    /// <summary>
    /// Every way into the tables. What a forged index meets is a bound check: exceptions of that kind are the answer.
    /// </summary>
    private static void Use(Tokenizer tokenizer, Random? random)
    {
        Try(() => tokenizer.Encode("ab abc <x> cafe\u0301 hello world <m> \U0001F600 \u2581hi", addSpecialTokens: true));
        Try(() => tokenizer.Encode(new string('a', 200) + "<x><y>", addSpecialTokens: false, parseSpecialTokens: false));
        Try(() => tokenizer.FindToken("ab"));
        for (var id = -1; id < 320; id++)
        {
            var at = random is null ? id : random.Next(-2, tokenizer.VocabularySize + 2);
            Try(() => tokenizer.TokenBytes(at));
            Try(() => tokenizer.Spelling(at));
            Try(() => tokenizer.Decode([at, id, at], skipSpecialTokens: (id & 1) == 0));
        }
    }

    private static void Try(Action use)
    {
        try
        {
            use();
        }
        catch (Exception error) when (error is ArgumentException or IndexOutOfRangeException or TokenizationException or OverflowException)
        {
        }
    }

    private static void Refused(ReadOnlySpan<byte> section, string expected = "")
    {
        try
        {
            TablesSection.Open(section);
        }
        catch (ModelLoadException error)
        {
            error.File.ShouldBe("tokenizer tables");
            error.Message.ShouldContain(expected);
            return;
        }

        Assert.Fail("the section was opened");
    }

    private static TokenizerJson Stack() => TokenizerJson.Bytes().Merges("a b", "ab c", "h e", "l l").Option("ignore_merges", true)
        .Added(300, "<x>", "special").Added(301, "<xy>").Added(302, "<y>", "lstrip rstrip").Added(303, "caf\u00E9", "normalized single_word")
        .Part("normalizer", """{"type":"NFC"}""")
        .Part("post_processor", """
            {"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<x>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"pair":[],
             "special_tokens":{"<x>":{"id":"<x>","ids":[300],"tokens":["<x>"]}}}
            """);

    private static TokenizerJson SentencePiece() => new TokenizerJson()
        .Vocabulary("<unk>").Vocabulary([.. Enumerable.Range(0, 256).Select(value => $"<0x{value:X2}>")])
        .Vocabulary("\u2581", "h", "i", "a", "b").Merges("h i", "\u2581 hi", "a b")
        .Option("byte_fallback", true).Option("unk_token", "<unk>").Added(0, "<unk>", "special")
        .Part("pre_tokenizer", """{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":true}""")
        .Part("decoder", """{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]}""");
}
