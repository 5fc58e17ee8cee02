using System.Runtime.InteropServices;
using System.Text;
using Stoker.Engine.Native;

namespace Stoker.Engine.Tokenization.AddedTokens;

[Flags]
internal enum AddedTokenFlags
{
    None = 0,
    Special = 1,
    SingleWord = 2,
    StripLeft = 4,
    StripRight = 8,
}

/// <summary>One token of a matcher; the members of <see cref="AddedToken"/> as they lie in the tables.</summary>
/// <param name="Start">Of the bytes it is looked for by.</param>
/// <param name="Length">Of them, at least 1.</param>
/// <param name="Id">The token.</param>
/// <param name="Flags">How it matches.</param>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct AddedTokenEntry(int Start, int Length, int Id, AddedTokenFlags Flags)
{
    public const int SizeBytes = 16;

    /// <summary>Puts tokens in order of their bytes. An empty text never matches; of one text given twice the first
    /// token counts.</summary>
    public static (FlatArray<AddedTokenEntry> Entries, FlatBytes Bytes) Sort(IEnumerable<(AddedToken Token, string Text)> tokens)
    {
        var texts = new SortedDictionary<byte[], AddedToken>(Comparer<byte[]>.Create((left, right) => left.AsSpan().SequenceCompareTo(right)));
        foreach (var (token, text) in tokens)
        {
            if (text.Length > 0) texts.TryAdd(Encoding.UTF8.GetBytes(text), token);
        }

        var entries = new List<AddedTokenEntry>(texts.Count);
        var bytes = new List<byte>();
        foreach (var (text, token) in texts)
        {
            entries.Add(new(bytes.Count, text.Length, token.Id, FlagsOf(token)));
            bytes.AddRange(text);
        }

        return (FlatArray<AddedTokenEntry>.CopyOf(CollectionsMarshal.AsSpan(entries)), FlatBytes.CopyOf(CollectionsMarshal.AsSpan(bytes)));
    }

    private static AddedTokenFlags FlagsOf(AddedToken token) =>
        (token.Special ? AddedTokenFlags.Special : 0)
        | (token.SingleWord ? AddedTokenFlags.SingleWord : 0)
        | (token.StripLeft ? AddedTokenFlags.StripLeft : 0)
        | (token.StripRight ? AddedTokenFlags.StripRight : 0);
}
