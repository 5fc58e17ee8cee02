using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;

namespace Stoker.ControlPlane.Accounts;

/// <summary>Makes keys: <c>fw_</c> and 256 random bits in base62.</summary>
public static class ApiKey
{
    public const string Prefix = "fw_";

    /// <summary>A longer text is no key of ours; it is refused before it is hashed.</summary>
    public const int MaxLength = 128;

    /// <summary>
    /// Characters of a key that listings show, enough to tell keys apart and far too few to guess the rest.
    /// </summary>
    public const int ShownLength = 8;

    // 43 characters of 62 hold 256.03 bits.
    private const int RandomLength = 43;

    private const string Base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    private static readonly SearchValues<char> Characters = SearchValues.Create(Base62);

    public static string Create() => Prefix + RandomNumberGenerator.GetString(Base62, RandomLength);

    public static string Shown(string key) => key[..ShownLength];

    /// <summary>Whether a text read from a file can be one of our keys.</summary>
    public static bool HasForm(string text) =>
        text.Length == Prefix.Length + RandomLength
        && text.StartsWith(Prefix, StringComparison.Ordinal)
        && text.AsSpan(Prefix.Length).IndexOfAnyExcept(Characters) < 0;
}

/// <summary>The SHA-256 of a key: what is stored, and what keys are found by.</summary>
/// <remarks>
/// A plain hash suffices, without salt or stretching: those slow down guessing of passwords, and nobody guesses 256
/// random bits. Finding a key by its hash in a table gives no useful timing either, since the sender cannot steer the
/// bits of a hash; equality is constant-time.
/// </remarks>
internal readonly struct KeyHash : IEquatable<KeyHash>
{
    public const int Size = SHA256.HashSizeInBytes;

    // At most as many bytes as this come of a character.
    private const int MaxBytesPerCharacter = 3;

    // In place rather than an array: every request makes one.
    private readonly Bytes _bytes;

    private KeyHash(ReadOnlySpan<byte> bytes) => bytes.CopyTo(_bytes);

    /// <param name="key">At most <see cref="ApiKey.MaxLength"/> characters.</param>
    public static KeyHash Of(ReadOnlySpan<char> key)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(key.Length, ApiKey.MaxLength);
        Span<byte> text = stackalloc byte[ApiKey.MaxLength * MaxBytesPerCharacter];
        Span<byte> hash = stackalloc byte[Size];
        SHA256.HashData(text[..Encoding.UTF8.GetBytes(key, text)], hash);
        return new(hash);
    }

    /// <exception cref="FormatException">The stored text is no hash.</exception>
    public static KeyHash FromStored(string text)
    {
        var bytes = Convert.FromBase64String(text);
        return bytes.Length == Size ? new(bytes.AsSpan()) : throw new FormatException($"A key's hash has {Size} bytes, not {bytes.Length}");
    }

    public string ToStored() => Convert.ToBase64String(_bytes);

    public bool Equals(KeyHash other) => CryptographicOperations.FixedTimeEquals(_bytes, other._bytes);

    public override bool Equals(object? obj) => obj is KeyHash other && Equals(other);

    // The hash is uniform already.
    public override int GetHashCode() => BinaryPrimitives.ReadInt32LittleEndian(_bytes);

    [InlineArray(Size)]
    private struct Bytes
    {
        private byte _first;
    }
}
