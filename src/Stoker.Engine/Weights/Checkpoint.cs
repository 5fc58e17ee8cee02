using Stoker.Engine.Native;
using Stoker.Engine.Weights.Quantized;

namespace Stoker.Engine.Weights;

/// <summary>
/// All safetensors files of a model folder as one set of named tensors; remembers which of them were asked for.
/// </summary>
/// <remarks>
/// A tensor that nobody asked for means that the graph does not compute what the checkpoint was trained for: see
/// <see cref="RefuseUnclaimed"/>. Every number in a config that sizes memory is held against a shape here first.
/// </remarks>
internal sealed class Checkpoint : IDisposable
{
    public const string SingleFileName = "model.safetensors";

    private readonly Dictionary<string, (SafetensorsFile File, TensorEntry Tensor)> _tensors = new(StringComparer.Ordinal);
    private readonly HashSet<string> _claimed = new(StringComparer.Ordinal);
    private readonly List<SafetensorsFile> _files = [];
    private readonly WeightPlacement _placement;

    private Checkpoint(WeightPlacement placement) => _placement = placement;

    public IEnumerable<TensorEntry> Tensors => _tensors.Values.Select(entry => entry.Tensor);

    public long ParameterCount => _tensors.Values.Sum(entry => entry.Tensor.ElementCount);

    public long SizeBytes => _tensors.Values.Sum(entry => entry.Tensor.End - entry.Tensor.Begin);

    /// <summary>Opens <c>model.safetensors</c>, or the shards that the index names.</summary>
    /// <exception cref="ModelLoadException">No safetensors file, or one that fails its checks.</exception>
    public static Checkpoint Open(string folder, WeightPlacement placement = WeightPlacement.Auto) =>
        Fill(new Checkpoint(placement), checkpoint =>
        {
            if (File.Exists(Path.Combine(folder, SingleFileName)))
            {
                checkpoint.AddFile(folder, SingleFileName);
            }
            else if (File.Exists(Path.Combine(folder, ShardIndex.FileName)))
            {
                checkpoint.AddShards(folder);
            }
            else
            {
                throw NoWeights(folder);
            }
        });

    /// <summary>Opens one named file, such as <c>adapter_model.safetensors</c>.</summary>
    /// <exception cref="ModelLoadException">It is missing or fails its checks.</exception>
    public static Checkpoint OpenFile(string folder, string file, WeightPlacement placement = WeightPlacement.Auto) =>
        Fill(new Checkpoint(placement), checkpoint => checkpoint.AddFile(folder, file));

    public bool Contains(string name) => _tensors.ContainsKey(name);

    /// <summary>What the header says of a tensor; null when there is none of that name.</summary>
    public TensorEntry? Find(string name) => _tensors.GetValueOrDefault(name).Tensor;

    /// <summary>The file that holds a tensor, for messages.</summary>
    public string FileOf(string name) => _tensors[name].File.Name;

    /// <summary>A tensor's bytes as they lie in its file; null when only headers were read.</summary>
    public unsafe byte* Data(string name) => _tensors[name].File.Data(_tensors[name].Tensor);

    /// <summary>Copies a tensor's bytes; only of a checkpoint that is <see cref="WeightPlacement.Streamed"/>.</summary>
    /// <exception cref="ModelLoadException">They cannot be read.</exception>
    public void Read(string name, AlignedMemory target, long offset) => _tensors[name].File.Read(_tensors[name].Tensor, target, offset);

    /// <summary>Whether no file was written to since it was opened; only of one that is <see cref="WeightPlacement.Streamed"/>.</summary>
    public bool IsUntouched => _files.TrueForAll(file => file.IsUntouched);

    /// <summary>A weight of exactly this shape.</summary>
    /// <exception cref="ModelLoadException">Missing, of another shape, or of a type that is not computed
    /// with.</exception>
    public unsafe WeightMatrix Matrix(string name, int rows, int columns)
    {
        var (file, tensor) = Claim(name, [rows, columns]);
        return new WeightMatrix(file, tensor.Type, file.Data(tensor), rows, columns);
    }

    /// <summary>A weight of exactly this shape that is stored as codes, whose numbers are codes times scales.</summary>
    /// <param name="scales">Null where only headers were read.</param>
    /// <exception cref="ModelLoadException">Missing, or of another shape or type.</exception>
    public unsafe WeightMatrix Codes(string name, TensorType type, int rows, int columns, WeightScales? scales)
    {
        var (file, tensor) = Claim(name, [rows, columns], type);
        return new WeightMatrix(file, tensor.Type, file.Data(tensor), rows, columns, scales);
    }

    /// <summary>A stack [count, rows, columns] as one matrix of count·rows rows, to be sliced.</summary>
    /// <exception cref="ModelLoadException">Missing, of another shape, or of a type that is not computed
    /// with.</exception>
    public unsafe WeightMatrix Stack(string name, int count, int rows, int columns)
    {
        var (file, tensor) = Claim(name, [count, rows, columns]);
        return new WeightMatrix(file, tensor.Type, file.Data(tensor), checked(count * rows), columns);
    }

    /// <summary>A bias or norm weight, widened to float32; zeros when only headers were read.</summary>
    /// <exception cref="ModelLoadException">Missing, of another shape, or of a type that is not computed
    /// with.</exception>
    public float[] Vector(string name, int length) => Values(name, [length]);

    /// <summary>All elements of a tensor of this shape, row by row, widened to float32; zeros when only headers were
    /// read.</summary>
    /// <exception cref="ModelLoadException">Missing, of another shape, or of a type that is not computed
    /// with.</exception>
    public unsafe float[] Values(string name, ReadOnlySpan<long> shape)
    {
        var (file, tensor) = Claim(name, shape);
        var length = checked((int)tensor.ElementCount);
        var values = new float[length];
        if (length > 0 && !HasHeadersOnly)
        {
            new WeightMatrix(file, tensor.Type, file.Data(tensor), 1, length).WidenRow(0, values);
        }

        return values;
    }

    /// <summary>Marks a tensor as known without reading it.</summary>
    public void Ignore(string name) => _claimed.Add(name);

    /// <summary>Whether only headers were read: shapes and types are right, numbers are zeros.</summary>
    public bool HasHeadersOnly => _placement is WeightPlacement.None or WeightPlacement.Streamed;

    /// <summary>Ends loading: every tensor must have been used or ignored on purpose.</summary>
    /// <exception cref="ModelLoadException">Names the first one that has no place in the graph.</exception>
    public void RefuseUnclaimed(string graph)
    {
        var unclaimed = _tensors.Keys.Where(name => !_claimed.Contains(name)).Order(StringComparer.Ordinal).ToList();
        if (unclaimed.Count > 0)
        {
            throw new ModelLoadException(
                _tensors[unclaimed[0]].File.Name, unclaimed[0],
                $"has no place in {graph} with this config ({unclaimed.Count} such tensors); leaving it out would change the results");
        }
    }

    public void Dispose() => _files.ForEach(file => file.Dispose());

    private static Checkpoint Fill(Checkpoint checkpoint, Action<Checkpoint> open)
    {
        try
        {
            open(checkpoint);
            return checkpoint;
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    private static ModelLoadException NoWeights(string folder)
    {
        var pickle = Directory.Exists(folder)
            && Directory.EnumerateFiles(folder).Any(file => Path.GetExtension(file) is ".bin" or ".pt" or ".pth" or ".pkl" or ".ckpt");
        return pickle
            ? new ModelLoadException(
                SingleFileName, null,
                "is missing; the folder holds pickle files, which can run code when read and are refused: convert them to safetensors")
            : new ModelLoadException(SingleFileName, null, $"is missing, and so is {ShardIndex.FileName}");
    }

    private void AddShards(string folder)
    {
        var map = ShardIndex.Read(folder);
        foreach (var shard in map.Values.Distinct(StringComparer.Ordinal))
        {
            AddFile(folder, shard);
        }

        foreach (var (name, shard) in map)
        {
            if (!_tensors.TryGetValue(name, out var found) || found.File.Name != shard)
            {
                throw new ModelLoadException(shard, name, $"is not in this file, where {ShardIndex.FileName} says it is");
            }
        }

        if (_tensors.Keys.FirstOrDefault(name => !map.ContainsKey(name)) is { } unlisted)
        {
            throw new ModelLoadException(_tensors[unlisted].File.Name, unlisted, $"is not listed in {ShardIndex.FileName}");
        }
    }

    private void AddFile(string folder, string name)
    {
        var file = SafetensorsFile.Open(Path.Combine(folder, name), _placement);
        _files.Add(file);
        foreach (var tensor in file.Header.Tensors.Values)
        {
            if (!_tensors.TryAdd(tensor.Name, (file, tensor)))
            {
                throw new ModelLoadException(name, tensor.Name, $"is also in {_tensors[tensor.Name].File.Name}");
            }
        }
    }

    /// <param name="codes">Null: a type that is computed with.</param>
    private (SafetensorsFile File, TensorEntry Tensor) Claim(string name, ReadOnlySpan<long> shape, TensorType? codes = null)
    {
        if (!_tensors.TryGetValue(name, out var found))
        {
            throw new ModelLoadException(_files[0].Name, name, "is missing");
        }

        if (!found.Tensor.Shape.ToArray().AsSpan().SequenceEqual(shape))
        {
            throw new ModelLoadException(
                found.File.Name, name,
                $"has shape {found.Tensor.ShapeText}, the config asks for [{string.Join(", ", shape.ToArray())}]");
        }

        if (codes is null ? !found.Tensor.Type.IsComputable() : found.Tensor.Type != codes)
        {
            throw new ModelLoadException(
                found.File.Name, name, $"has type {found.Tensor.Type.HeaderName()}; {codes?.HeaderName() ?? "BF16, F16 and F32"} weights are supported");
        }

        _claimed.Add(name);
        return found;
    }
}
