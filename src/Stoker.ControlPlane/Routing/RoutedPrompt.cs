using System.Buffers;

namespace Stoker.ControlPlane.Routing;

/// <summary>
/// What the choice of a replica goes by: how long a prompt is, the hashes of its beginnings, and the session that it belongs to. Nothing
/// of what it says.
/// </summary>
internal sealed class RoutedPrompt : IDisposable
{
    private ulong[] _keys;

    private RoutedPrompt(ulong[] keys, int count, long bytes) => (_keys, Count, Bytes) = (keys, count, bytes);

    /// <summary>Whole blocks.</summary>
    public int Count { get; private set; }

    public long Bytes { get; }

    /// <summary>Of each whole block with all that stands before it.</summary>
    public ReadOnlySpan<ulong> Keys => _keys.AsSpan(0, Count);

    /// <summary>0: none.</summary>
    public ulong Session { get; init; }

    /// <summary>Its answer begins with its first token: it is a stream.</summary>
    public bool TellsFirstToken { get; init; }

    /// <param name="root">What has to be equal for two prompts to share anything: account, model, isolation.</param>
    public static RoutedPrompt Of(ReadOnlySpan<byte> prompt, ulong root, ulong session = 0, bool tellsFirstToken = false)
    {
        var (keys, count) = Rent(prompt.Length);
        Hash(prompt, root, keys.AsSpan(0, count));
        return new(keys, count, prompt.Length) { Session = session, TellsFirstToken = tellsFirstToken };
    }

    /// <summary>The first of a prompt's blocks, as many as there are keys for.</summary>
    internal static void Hash(ReadOnlySpan<byte> prompt, ulong root, Span<ulong> keys)
    {
        var (from, key, count) = (0, root, Math.Min(keys.Length, PromptBlocks.CountIn(prompt.Length)));
        for (var index = 0; index < count; index++)
        {
            var end = PromptBlocks.Ends[index];
            keys[index] = key = PromptHash.Of(prompt[from..end], key);
            from = end;
        }
    }

    /// <summary>
    /// A prompt of which only the length is known, and the ids of its pieces: of a trace. The same in every process, so that a simulation
    /// comes out the same.
    /// </summary>
    /// <param name="bytes">Of the whole prompt; what stands behind the last piece is shared with nobody.</param>
    public static RoutedPrompt Of(ReadOnlySpan<ulong> pieces, int pieceBytes, long bytes)
    {
        var (keys, count) = Rent(Math.Min((long)pieces.Length * pieceBytes, bytes));
        var (chain, chained) = (1UL, 0);
        for (var index = 0; index < count; index++)
        {
            var end = PromptBlocks.Ends[index];
            var last = (end - 1) / pieceBytes;
            while (chained < last) chain = PromptHash.Plain(pieces[chained++], chain);
            keys[index] = PromptHash.Plain((ulong)end, PromptHash.Plain(pieces[last], chain));
        }

        return new(keys, count, bytes) { TellsFirstToken = true };
    }

    public void Dispose()
    {
        if (_keys.Length > 0) ArrayPool<ulong>.Shared.Return(_keys);
        (_keys, Count) = ([], 0);
    }

    private static (ulong[] Keys, int Count) Rent(long bytes)
    {
        var count = PromptBlocks.CountIn(bytes);
        return (count == 0 ? [] : ArrayPool<ulong>.Shared.Rent(count), count);
    }
}
