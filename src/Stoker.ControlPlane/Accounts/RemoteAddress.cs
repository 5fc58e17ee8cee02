using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Stoker.ControlPlane.Accounts;

/// <summary>
/// Who sends, as far as the network says: an IPv4 address, or the /64 of an IPv6 one, since whoever has one address of
/// those has all.
/// </summary>
/// <remarks>
/// It is the address of the connection and never a header such as X-Forwarded-For, which every sender can write.
/// </remarks>
internal readonly record struct RemoteAddress(UInt128 Value)
{
    /// <summary>Stands for all senders that no place of their own is left for, and for connections without an address.</summary>
    public static RemoteAddress Any => new(UInt128.MaxValue);

    /// <summary>A word to compare by where nothing hangs on a rare collision.</summary>
    public ulong Digest => ((ulong)(Value >> 64) * 0x9E3779B97F4A7C15) ^ (ulong)Value;

    public static RemoteAddress Of(IPAddress? address)
    {
        Span<byte> bytes = stackalloc byte[16];
        if (address is null || !address.TryWriteBytes(bytes, out var length)) return Any;
        if (address.AddressFamily == AddressFamily.InterNetwork) return new(BinaryPrimitives.ReadUInt32BigEndian(bytes[..length]));
        return address.IsIPv4MappedToIPv6
            ? new(BinaryPrimitives.ReadUInt32BigEndian(bytes[12..]))
            : new((UInt128)BinaryPrimitives.ReadUInt64BigEndian(bytes) << 64);
    }
}
