using System.Buffers;
using System.Collections.Concurrent;
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
/// <remarks>
/// The store is asked each time; only the parsing is done once, and of a list only what changed is read. A revision is given to one write alone, so a row of the
/// same name and revisions has the same bodies, whoever wrote it, and its reader gets the same object again. Nobody may
/// change what was read.
/// </remarks>
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
    private readonly ConcurrentDictionary<string, Stored<TName, TSpec, TStatus>> _parsed = new();
    private readonly KnownRows _rows = new(store, kind);

    /// <summary>Makes a spec that an older program wrote one that today's rules allow.</summary>
    public Func<TSpec, TSpec> Renewed { get; init; } = spec => spec;

    /// <summary>Rows that are kept parsed; for tests.</summary>
    internal int ParsedCount => _parsed.Count;

    public async ValueTask<Stored<TName, TSpec, TStatus>?> FindAsync(TName name, CancellationToken cancellation)
    {
        var key = KeyOf(name);
        if (await store.FindAsync(key, cancellation) is { } row) return Read(row);
        _parsed.TryRemove(key.Name, out _);
        return null;
    }

    /// <param name="parent">Such as <c>accounts/a</c>; null lists all.</param>
    public async ValueTask<StoredList<TName, TSpec, TStatus>> ListAsync(string? parent, CancellationToken cancellation)
    {
        var (revision, rows, count) = await _rows.ReadAsync(cancellation);
        var items = new List<Stored<TName, TSpec, TStatus>>(count);
        foreach (var row in rows)
        {
            if (parent is null || row.Key.Parent == parent) items.Add(Read(row));
        }

        if (_parsed.Count > count) DropOthers(rows);
        return new(revision, items);
    }

    /// <summary>What changed after a revision, in order, each row as it is now; null when the log no longer reaches back: list again.</summary>
    public async ValueTask<(long Revision, IReadOnlyList<StoredChange<TName, TSpec, TStatus>> Items)?> ChangesAsync(long afterRevision, CancellationToken cancellation)
    {
        if (await store.ChangesAsync(kind, afterRevision, cancellation) is not { } changes) return null;
        var items = new List<StoredChange<TName, TSpec, TStatus>>(changes.Items.Count);
        foreach (var change in changes.Items)
        {
            if (change.Resource is null) _parsed.TryRemove(change.Key.Name, out _);
            items.Add(new(change.Revision, NameOf(change.Key), change.Resource is { } row ? Read(row) : null));
        }

        return (changes.Revision, items);
    }

    /// <summary>The revision of the kind's last change: while it stays, what was read after it holds.</summary>
    public ValueTask<long> RevisionAsync(CancellationToken cancellation) => store.RevisionAsync(kind, cancellation);

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
        Stored<TName, TSpec, TStatus> read, CancellationToken cancellation)
    {
        var key = KeyOf(read.Name);
        var deleted = Read(await store.DeleteAsync(key, read.SpecRevision, read.StatusRevision, cancellation));
        if (deleted.Problem is null) _parsed.TryRemove(key.Name, out _);
        return deleted;
    }

    /// <exception cref="WatchExpiredException">The log was compacted: list again.</exception>
    public async IAsyncEnumerable<StoredChange<TName, TSpec, TStatus>> WatchAsync(
        long afterRevision, [EnumeratorCancellation] CancellationToken cancellation)
    {
        await foreach (var change in store.WatchAsync(kind, afterRevision, cancellation))
        {
            if (change.Resource is null) _parsed.TryRemove(change.Key.Name, out _);
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

    private Stored<TName, TSpec, TStatus> Read(StoredResource row)
    {
        if (_parsed.TryGetValue(row.Key.Name, out var known) && known.SpecRevision == row.SpecRevision && known.StatusRevision == row.StatusRevision)
        {
            return known;
        }

        return _parsed[row.Key.Name] = new(
            known?.Name ?? NameOf(row.Key),
            known?.SpecRevision == row.SpecRevision ? known.Spec : Renewed(Read(row.Spec.Span, specJson, row.Key)),
            known?.StatusRevision == row.StatusRevision ? known.Status : Read(row.Status.Span, statusJson, row.Key),
            row.Generation,
            row.SpecRevision,
            row.StatusRevision,
            row.CreateTime,
            row.UpdateTime);
    }

    /// <summary>Rows that another process deleted unseen are not kept for ever.</summary>
    private void DropOthers(IEnumerable<StoredResource> all)
    {
        var there = all.Select(row => row.Key.Name).ToHashSet();
        foreach (var name in _parsed.Keys.Where(name => !there.Contains(name))) _parsed.TryRemove(name, out _);
    }

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
