using System.Buffers;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Stoker.Api.Problems;

namespace Stoker.ControlPlane.Storage;

/// <summary>A stored resource with its bodies read.</summary>
public sealed record Stored<TName, TSpec, TStatus>(
    TName Name,
    TSpec Spec,
    TStatus Status,
    long Generation,
    long SpecRevision,
    long StatusRevision,
    DateTimeOffset CreateTime,
    DateTimeOffset UpdateTime)
{
    public long Revision => Math.Max(SpecRevision, StatusRevision);
}

/// <summary>What a watch saw: the row, or null for a deleted one.</summary>
public sealed record StoredChange<TName, TSpec, TStatus>(long Revision, TName Name, Stored<TName, TSpec, TStatus>? Resource)
    where TName : notnull;

/// <summary>All rows at one revision; a watch goes on from there.</summary>
public sealed record StoredList<TName, TSpec, TStatus>(long Revision, IReadOnlyList<Stored<TName, TSpec, TStatus>> Items);

/// <summary>
/// One kind of resource with types: names are parsed, bodies are JSON in an envelope <c>{"schema":1,"value":{...}}</c>
/// that says what they were written as.
/// </summary>
public sealed class TypedStore<TName, TSpec, TStatus>(
    IResourceStore store,
    string kind,
    JsonTypeInfo<TSpec> specJson,
    JsonTypeInfo<TStatus> statusJson,
    int schemaVersion = 1)
    where TName : class, IParsable<TName>
    where TSpec : notnull
    where TStatus : notnull
{
    public async ValueTask<Stored<TName, TSpec, TStatus>?> FindAsync(TName name, CancellationToken cancellation) =>
        await store.FindAsync(KeyOf(name), cancellation) is { } row ? Read(row) : null;

    /// <param name="parent">Such as <c>accounts/a</c>; null lists all.</param>
    public async ValueTask<StoredList<TName, TSpec, TStatus>> ListAsync(string? parent, CancellationToken cancellation)
    {
        var list = await store.ListAsync(kind, parent, cancellation);
        return new(list.Revision, [.. list.Items.Select(Read)]);
    }

    public async Task<Result<Stored<TName, TSpec, TStatus>>> CreateAsync(
        TName name, TSpec spec, TStatus status, CancellationToken cancellation) =>
        Read(await store.CreateAsync(KeyOf(name), Write(spec, specJson), Write(status, statusJson), cancellation));

    public async Task<Result<Stored<TName, TSpec, TStatus>>> UpdateSpecAsync(
        Stored<TName, TSpec, TStatus> read, TSpec spec, CancellationToken cancellation) =>
        Read(await store.UpdateSpecAsync(KeyOf(read.Name), read.SpecRevision, Write(spec, specJson), cancellation));

    public async Task<Result<Stored<TName, TSpec, TStatus>>> UpdateStatusAsync(
        Stored<TName, TSpec, TStatus> read, TStatus status, CancellationToken cancellation) =>
        Read(await store.UpdateStatusAsync(KeyOf(read.Name), read.StatusRevision, Write(status, statusJson), cancellation));

    public async Task<Result<Stored<TName, TSpec, TStatus>>> DeleteAsync(
        Stored<TName, TSpec, TStatus> read, CancellationToken cancellation) =>
        Read(await store.DeleteAsync(KeyOf(read.Name), read.SpecRevision, read.StatusRevision, cancellation));

    /// <exception cref="WatchExpiredException">The log was compacted: list again.</exception>
    public async IAsyncEnumerable<StoredChange<TName, TSpec, TStatus>> WatchAsync(
        long afterRevision, [EnumeratorCancellation] CancellationToken cancellation)
    {
        await foreach (var change in store.WatchAsync(kind, afterRevision, cancellation))
        {
            yield return new(change.Revision, NameOf(change.Key), change.Resource is { } row ? Read(row) : null);
        }
    }

    /// <summary>
    /// The last two segments are kind and identifier; what stands before is the parent, empty for accounts.
    /// </summary>
    private ResourceKey KeyOf(TName name)
    {
        var text = name.ToString()!;
        var own = text.LastIndexOf('/', text.LastIndexOf('/') - 1);
        return new(kind, own < 0 ? "" : text[..own], text);
    }

    private static TName NameOf(ResourceKey key) => TName.Parse(key.Name, null);

    private Result<Stored<TName, TSpec, TStatus>> Read(Result<StoredResource> row) =>
        row.TryGet(out var value, out var problem) ? Read(value) : problem;

    private Stored<TName, TSpec, TStatus> Read(StoredResource row) => new(
        NameOf(row.Key),
        Read(row.Spec.Span, specJson, row.Key),
        Read(row.Status.Span, statusJson, row.Key),
        row.Generation,
        row.SpecRevision,
        row.StatusRevision,
        row.CreateTime,
        row.UpdateTime);

    private byte[] Write<T>(T value, JsonTypeInfo<T> json)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WriteNumber("schema"u8, schemaVersion);
            writer.WritePropertyName("value"u8);
            JsonSerializer.Serialize(writer, value, json);
            writer.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    private T Read<T>(ReadOnlySpan<byte> body, JsonTypeInfo<T> json, ResourceKey key)
        where T : notnull
    {
        try
        {
            var reader = new Utf8JsonReader(body);
            Expect(reader.Read() && reader.TokenType == JsonTokenType.StartObject);
            ExpectProperty(ref reader, "schema"u8);
            Expect(reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out _));
            if (reader.GetInt32() is var written && written > schemaVersion)
            {
                throw new StorageException(
                    StorageFault.Unusable,
                    $"{key.Name} was written as schema {written}, and this program knows up to {schemaVersion}: start the newer program");
            }

            ExpectProperty(ref reader, "value"u8);
            return JsonSerializer.Deserialize(ref reader, json) ?? throw new JsonException("null");
        }
        catch (JsonException error)
        {
            throw new StorageException(StorageFault.Unusable, $"The stored {key.Name} cannot be read: {error.Message}", error);
        }
    }

    private static void ExpectProperty(ref Utf8JsonReader reader, ReadOnlySpan<byte> name) => Expect(
        reader.Read() && reader.TokenType == JsonTokenType.PropertyName && reader.ValueTextEquals(name) && reader.Read());

    private static void Expect(bool holds)
    {
        if (!holds) throw new JsonException("no envelope of schema and value");
    }
}
