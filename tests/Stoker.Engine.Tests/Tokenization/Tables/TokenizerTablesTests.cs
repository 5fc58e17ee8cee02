using System.IO.MemoryMappedFiles;
using System.Runtime.CompilerServices;
using Stoker.Engine.Native;
using Stoker.Engine.Tokenization;
using Stoker.Engine.Tokenization.Tables;
using Stoker.Testing;

namespace Stoker.Engine.Tests.Tokenization.Tables;

public sealed class TokenizerTablesTests
{
    [Fact]
    public void A_vocabulary_of_128k_comes_back_token_by_token()
    {
        var built = Tokenizer.Parse(SyntheticVocabulary.Json());
        var opened = TablesSection.Reopen(built);
        opened.VocabularySize.ShouldBe(SyntheticVocabulary.Size);
        for (var id = -1; id <= SyntheticVocabulary.Size; id++)
        {
            var spelling = built.Spelling(id);
            if (opened.Spelling(id) != spelling || !opened.TokenBytes(id).Span.SequenceEqual(built.TokenBytes(id).Span)
                || opened.IsSpecial(id) != built.IsSpecial(id) || opened.Has(id) != built.Has(id)
                || (built.Has(id) && opened.FindToken(spelling) != id))
            {
                Assert.Fail($"id {id}, {spelling}");
            }
        }

        opened.FindToken("<|reserved_255|>").ShouldBe(SyntheticVocabulary.Size - 1);
        var text = string.Join(' ', Enumerable.Range(0, 5_000).Select(i => built.Spelling(256 + (i * 23 % 120_000)).Replace("Ġ", "", StringComparison.Ordinal)))
            + " 12345, e\u0301 \U0001F600 <|reserved_7|>";
        var ids = opened.Encode(text, addSpecialTokens: true);
        ids.ShouldBe(built.Encode(text, addSpecialTokens: true));
        ids.Distinct().Count().ShouldBeGreaterThan(2_000); // the merges were used, not single bytes
        opened.Decode(ids, skipSpecialTokens: false).ShouldBe(text.Replace("e\u0301", "\u00E9", StringComparison.Ordinal));
    }

    [Fact]
    public void The_same_file_gives_the_same_bytes_and_so_do_tables_that_were_opened()
    {
        var json = TokenizerJson.Bytes().Merges("a b", "c d").Added(300, "<x>", "special").ToString();
        var section = TablesSection.Of(Tokenizer.Parse(System.Text.Encoding.UTF8.GetBytes(json)));
        var built = Tokenizer.Parse(System.Text.Encoding.UTF8.GetBytes(json));
        TablesSection.Of(built).ShouldBe(section);
        TablesSection.Of(TablesSection.Open(section)).ShouldBe(section);
        TokenizerTables.SizeOf(built).ShouldBe(section.Length);
        (section.Length % 64).ShouldBe(0);
    }

    [Fact]
    public void Tables_are_used_where_they_lie_in_a_mapped_file()
    {
        var path = Path.GetTempFileName();
        try
        {
            var built = Tokenizer.Load(TestData.Model("story-3m"));
            var section = TablesSection.Of(built);
            File.WriteAllBytes(path, [.. new byte[4096], .. section, .. new byte[100]]);
            var tokenizer = Map(path, 4096, section.Length);
            GC.Collect();
            GC.WaitForPendingFinalizers(); // the map has no other reader than the tokenizer
            const string Text = "Once upon a time, there was a caf\u00E9.<|end_of_text|>";
            var ids = tokenizer.Encode(Text, addSpecialTokens: true);
            ids.ShouldBe(built.Encode(Text, addSpecialTokens: true));
            tokenizer.Decode(ids, skipSpecialTokens: true).ShouldBe(built.Decode(ids, skipSpecialTokens: true));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Whoever_owns_the_memory_stays_as_long_as_the_tokenizer()
    {
        var section = TablesSection.Of(TokenizerJson.Bytes().Load());
        var (tokenizer, owner) = OpenOwned(section);
        Collect();
        owner.IsAlive.ShouldBeTrue();
        tokenizer.Encode("ab", addSpecialTokens: false).ShouldBe(['a', 'b']);
        GC.KeepAlive(tokenizer);
    }

    [Fact]
    public void A_section_that_is_not_aligned_is_refused()
    {
        var memory = FixedMemory.Allocate(64);
        Should.Throw<ArgumentException>(() => At(memory, 4)).Message.ShouldContain("aligned to 8");
    }

    private static unsafe FixedMemory At(FixedMemory memory, int offset) =>
        FixedMemory.Over(memory, memory.Start + offset, memory.Length - offset);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static unsafe (Tokenizer Tokenizer, WeakReference Owner) OpenOwned(byte[] section)
    {
        var owner = FixedMemory.Allocate(section.Length);
        section.CopyTo(owner.GetSpan());
        return (Tokenizer.FromTables(FixedMemory.Over(owner, owner.Start, owner.Length)), new WeakReference(owner));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Collect()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static unsafe Tokenizer Map(string path, long offset, int length)
    {
        var file = MemoryMappedFile.CreateFromFile(path, FileMode.Open, null, 0, MemoryMappedFileAccess.Read);
        var view = file.CreateViewAccessor(offset, length, MemoryMappedFileAccess.Read);
        byte* start = null;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        return Tokenizer.FromTables(FixedMemory.Over(view, start + view.PointerOffset, length));
    }
}
