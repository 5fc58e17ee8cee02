using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;

namespace Stoker.EndToEnd.Tests.Harness;

/// <summary>An answer as it came over the wire.</summary>
/// <param name="Head">Status line and headers, in order.</param>
internal sealed record RawAnswer(string Head, byte[] Body)
{
    // What differs from answer to answer by its nature.
    private static readonly string[] Changing = ["date:", "x-request-id:", "x-fireworks-request-id:"];

    public int Status => int.Parse(Head.AsSpan(9, 3), NumberStyles.None, CultureInfo.InvariantCulture);

    public string Text => Encoding.UTF8.GetString(Body);

    public JsonNode Json => JsonNode.Parse(Body)!;

    /// <summary>Everything that a client can compare, without date and request ids.</summary>
    public string Comparable =>
        string.Join('\n', Head.Split("\r\n").Where(line => !Changing.Any(name => line.StartsWith(name, StringComparison.OrdinalIgnoreCase)))) + "\n\n" + Text;

    public string? Header(string name) => Head.Split("\r\n")
        .Where(line => line.StartsWith(name + ":", StringComparison.OrdinalIgnoreCase))
        .Select(line => line[(name.Length + 1)..].Trim())
        .FirstOrDefault();
}

/// <summary>HTTP byte by byte: requests that no proper client would send, and answers whole.</summary>
internal sealed class RawHttp : IDisposable
{
    private readonly TcpClient _client;

    private RawHttp(TcpClient client) => _client = client;

    private NetworkStream Stream => _client.GetStream();

    public static async Task<RawHttp> ConnectAsync(Uri server, int? receiveBufferBytes = null)
    {
        var client = new TcpClient { NoDelay = true };
        if (receiveBufferBytes is { } size) client.ReceiveBufferSize = size;
        await client.ConnectAsync(server.Host, server.Port).WaitAsync(Patience.Time);
        return new RawHttp(client);
    }

    /// <summary>One request on a connection of its own, with the admin key unless the headers have another.</summary>
    public static async Task<RawAnswer> SendAsync(StokerServerProcess server, string method, string target, byte[]? body, params string[] headers)
    {
        using var http = await ConnectAsync(server.Url);
        return await http.ExchangeAsync([.. Head(server, method, target, body?.Length, headers), .. body ?? []]);
    }

    public static Task<RawAnswer> PostAsync(StokerServerProcess server, string target, string body, params string[] headers) =>
        SendAsync(server, "POST", target, Encoding.UTF8.GetBytes(body), headers);

    /// <param name="headers">Lines as they stand. One that ends in a bare colon leaves that header out.</param>
    public static byte[] Head(StokerServerProcess server, string method, string target, int? length, params string[] headers)
    {
        List<string> defaults = ["Host: " + server.Url.Authority, "Authorization: Bearer " + server.Key, "Content-Type: application/json", "Connection: close"];
        if (length is { } bytes) defaults.Add(string.Create(CultureInfo.InvariantCulture, $"Content-Length: {bytes}"));
        defaults.RemoveAll(line => headers.Any(given => given.StartsWith(line[..(line.IndexOf(':') + 1)], StringComparison.OrdinalIgnoreCase)));
        var lines = defaults.Concat(headers.Where(line => !line.EndsWith(':')));
        return Encoding.Latin1.GetBytes($"{method} {target} HTTP/1.1\r\n{string.Join("\r\n", lines)}\r\n\r\n");
    }

    /// <summary>Sends and reads to the end. A server may answer and close before it has read everything.</summary>
    public async Task<RawAnswer> ExchangeAsync(byte[] request)
    {
        var sending = SendAllAsync(request);
        var answer = Parse(await ReadToEndAsync());
        await sending;
        return answer;
    }

    public Task SendAsync(byte[] bytes) => Stream.WriteAsync(bytes).AsTask().WaitAsync(Patience.Time);

    /// <summary>Up to <paramref name="count"/> bytes; none at the end.</summary>
    public async Task<byte[]> ReadAsync(int count)
    {
        var buffer = new byte[count];
        return buffer[..await Stream.ReadAsync(buffer).AsTask().WaitAsync(Patience.Time)];
    }

    /// <summary>Everything until the server closes the connection, in whatever way.</summary>
    public async Task<byte[]> ReadToEndAsync()
    {
        using var received = new MemoryStream();
        try
        {
            await Stream.CopyToAsync(received).WaitAsync(Patience.Time);
        }
        catch (IOException)
        {
            // Reset: what came before counts.
        }

        return received.ToArray();
    }

    public void Dispose() => _client.Dispose();

    private async Task SendAllAsync(byte[] bytes)
    {
        try
        {
            await SendAsync(bytes);
        }
        catch (IOException)
        {
            // Refused halfway; the answer says why.
        }
    }

    private static RawAnswer Parse(byte[] bytes)
    {
        var end = bytes.AsSpan().IndexOf("\r\n\r\n"u8);
        if (end < 0)
        {
            throw new InvalidDataException($"no answer, only {bytes.Length} bytes: {Encoding.UTF8.GetString(bytes)}");
        }

        var head = Encoding.Latin1.GetString(bytes.AsSpan(0, end));
        var body = bytes[(end + 4)..];
        return new RawAnswer(head, head.Contains("Transfer-Encoding: chunked", StringComparison.OrdinalIgnoreCase) ? Unchunk(body) : body);
    }

    private static byte[] Unchunk(byte[] body)
    {
        var (whole, at) = (new List<byte>(), 0);
        while (true)
        {
            var line = body.AsSpan(at).IndexOf("\r\n"u8);
            if (line < 0) throw new InvalidDataException("the chunks end without their end");
            var size = int.Parse(Encoding.Latin1.GetString(body.AsSpan(at, line)), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            if (size == 0) return [.. whole];
            whole.AddRange(body.AsSpan(at + line + 2, size));
            at += line + 2 + size + 2;
        }
    }
}
