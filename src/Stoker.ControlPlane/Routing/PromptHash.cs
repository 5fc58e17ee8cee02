using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Stoker.ControlPlane.Routing;

/// <summary>
/// A hash of 64 bits under a secret of this process: what it is of cannot be told from it, nor can anybody outside make two texts that
/// fall together. It is in memory alone, and worth nothing after a restart.
/// </summary>
/// <remarks>
/// Two lanes of a multiply and fold, 32 bytes a turn: a prompt's bytes are read once at about the speed of memory. No cryptographic
/// hash: what a collision costs is a worse guess of a time, within one deployment and one account.
/// </remarks>
internal static class PromptHash
{
    private static readonly ulong First = Draw();
    private static readonly ulong Second = Draw();
    private static readonly ulong Third = Draw();

    /// <param name="chained">The hash of what stands before; equal bytes behind different ones are different.</param>
    public static ulong Of(ReadOnlySpan<byte> bytes, ulong chained)
    {
        var (left, right, length) = (chained ^ First, chained ^ Second, (ulong)bytes.Length);
        while (bytes.Length >= 32)
        {
            left = Fold(Read(bytes) ^ First, Read(bytes[8..]) ^ left);
            right = Fold(Read(bytes[16..]) ^ Second, Read(bytes[24..]) ^ right);
            bytes = bytes[32..];
        }

        if (bytes.Length > 0)
        {
            Span<byte> last = stackalloc byte[32];
            last.Clear();
            bytes.CopyTo(last);
            left = Fold(Read(last) ^ First, Read(last[8..]) ^ left);
            right = Fold(Read(last[16..]) ^ Second, Read(last[24..]) ^ right);
        }

        return Fold(left ^ Third, right ^ length);
    }

    /// <summary>Of two numbers.</summary>
    public static ulong Of(ulong value, ulong chained) => Fold(value ^ First, chained ^ Third);

    /// <summary>Of two numbers without the secret, for what is nobody's.</summary>
    public static ulong Plain(ulong value, ulong chained) => Fold(value ^ 0x9E37_79B9_7F4A_7C15, chained ^ 0xD1B5_4A32_D192_ED03); // fractions of the golden ratio and its like

    private static ulong Fold(ulong left, ulong right)
    {
        var high = Math.BigMul(left, right, out var low);
        return high ^ low;
    }

    private static ulong Read(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt64LittleEndian(bytes);

    private static ulong Draw()
    {
        Span<byte> bytes = stackalloc byte[8];
        RandomNumberGenerator.Fill(bytes);
        return Read(bytes) | 1; // zero would swallow what it is multiplied with
    }
}
