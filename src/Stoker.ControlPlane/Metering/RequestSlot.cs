using System.Buffers.Binary;
using System.Numerics;
using System.Text;
using Stoker.Api.Names;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Metering;

/// <summary>A row as bytes of a fixed size: mark, length, checksum, fields. A slot whose write was cut is seen, and read as none.</summary>
internal static class RequestSlot
{
    /// <summary>
    /// A row's names, at their longest, take some 1,030 bytes. Half a page of the system, so that no slot lies in two.
    /// </summary>
    public const int Size = 2048;

    private const uint Mark = 0x31_52_4B_53; // "SKR1": another layout gets another number
    private const int HeadBytes = 12;
    private const ushort Null = ushort.MaxValue;

    /// <summary>What makes a slot empty, at its begin.</summary>
    public static ReadOnlySpan<byte> Empty => "\0\0\0\0"u8;

    /// <returns>The bytes to write.</returns>
    public static int Encode(RequestRow row, Span<byte> slot)
    {
        var fields = new Writer(slot[HeadBytes..]);
        fields.Text(row.Id);
        fields.Text(row.ClientId);
        fields.Text(row.Account.ToString());
        fields.Text(row.User.ToString());
        fields.Text(row.ApiKey);
        fields.Text(row.Deployment.ToString());
        fields.Text(row.Model.ToString());
        fields.Text(row.Addon?.ToString());
        fields.Number(row.Tokens.Prompt);
        fields.Number(row.Tokens.Cached);
        fields.Number(row.Tokens.Generated);
        fields.Number(row.Tokens.Drafted);
        fields.Number(row.Tokens.Accepted);
        fields.Number((int)row.Status);
        fields.Text(row.Reason);
        fields.Number(row.BeginTime.UtcTicks);
        fields.Number(row.EndTime.UtcTicks);
        fields.Number(row.FirstToken?.Ticks ?? -1);
        BinaryPrimitives.WriteUInt32LittleEndian(slot, Mark);
        BinaryPrimitives.WriteInt32LittleEndian(slot[4..], fields.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(slot[8..], Sum(slot.Slice(HeadBytes, fields.Length)));
        return HeadBytes + fields.Length;
    }

    public static bool IsEmpty(ReadOnlySpan<byte> slot) => slot.Length < Empty.Length || slot.StartsWith(Empty);

    /// <returns>Null for anything that is not a whole row.</returns>
    public static RequestRow? TryDecode(ReadOnlySpan<byte> slot)
    {
        if (slot.Length < HeadBytes || BinaryPrimitives.ReadUInt32LittleEndian(slot) != Mark) return null;
        var length = BinaryPrimitives.ReadInt32LittleEndian(slot[4..]);
        if (length < 0 || length > slot.Length - HeadBytes) return null;
        var bytes = slot.Slice(HeadBytes, length);
        if (BinaryPrimitives.ReadUInt32LittleEndian(slot[8..]) != Sum(bytes)) return null;
        var fields = new Reader(bytes);
        return new(
            fields.Text()!,
            fields.Text(),
            AccountName.Parse(fields.Text()!, null),
            UserName.Parse(fields.Text()!),
            fields.Text()!,
            DeploymentName.Parse(fields.Text()!, null),
            ModelName.Parse(fields.Text()!),
            fields.Text() is { } addon ? ModelName.Parse(addon) : null,
            new((int)fields.Number(), (int)fields.Number(), (int)fields.Number(), (int)fields.Number(), (int)fields.Number()),
            (RequestStatus)fields.Number(),
            fields.Text()!,
            new(fields.Number(), TimeSpan.Zero),
            new(fields.Number(), TimeSpan.Zero),
            fields.Number() is var first and >= 0 ? TimeSpan.FromTicks(first) : null);
    }

    private static uint Sum(ReadOnlySpan<byte> bytes)
    {
        var sum = uint.MaxValue;
        foreach (var one in bytes) sum = BitOperations.Crc32C(sum, one);
        return sum;
    }

    private ref struct Writer(Span<byte> bytes)
    {
        private readonly Span<byte> _bytes = bytes;

        public int Length { get; private set; }

        public void Number(long value)
        {
            BinaryPrimitives.WriteInt64LittleEndian(_bytes[Length..], value);
            Length += sizeof(long);
        }

        public void Text(string? text)
        {
            var at = Length;
            Length += sizeof(ushort);
            var size = text is null ? 0 : Encoding.UTF8.GetBytes(text, _bytes[Length..]);
            BinaryPrimitives.WriteUInt16LittleEndian(_bytes[at..], text is null ? Null : (ushort)size);
            Length += size;
        }
    }

    private ref struct Reader(ReadOnlySpan<byte> bytes)
    {
        private ReadOnlySpan<byte> _bytes = bytes;

        public long Number()
        {
            var value = BinaryPrimitives.ReadInt64LittleEndian(_bytes);
            _bytes = _bytes[sizeof(long)..];
            return value;
        }

        public string? Text()
        {
            var size = BinaryPrimitives.ReadUInt16LittleEndian(_bytes);
            _bytes = _bytes[sizeof(ushort)..];
            if (size == Null) return null;
            var text = Encoding.UTF8.GetString(_bytes[..size]);
            _bytes = _bytes[size..];
            return text;
        }
    }
}
