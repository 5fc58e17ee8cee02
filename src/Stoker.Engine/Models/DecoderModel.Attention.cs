using Stoker.Engine.Kernels;
using Stoker.Engine.KvCache;

namespace Stoker.Engine.Models;

/// <remarks>
/// Attention: q, k, v of all rows; bias, norm and rope; new keys and values into the store; then each row attends.
/// </remarks>
internal sealed partial class DecoderModel
{
    private void AddAttention(LayerWeights layer)
    {
        RequireStep();
        NormStream(layer.AttentionNorm);
        var rows = _batch.RowCount;
        _parallel.Multiply(
            layer.Query.Weight, _workspace.Queries, layer.Key.Weight, _workspace.Keys, layer.Value.Weight, _workspace.Values,
            _workspace.Normed, rows);
        _parallel.Run(_prepareHeads, (long)rows * (_spec.Heads + _spec.KvHeads) * _spec.HeadDim * 4);
        // All keys of the step are in the store before any row looks: rows of one chunk see each other there.
        _parallel.Run(_attend, AttentionWork(layer: _spec.Layers[_layer]));
        _parallel.Multiply(layer.Output.Weight, _workspace.Attended, rows, _workspace.Branch);
        AddBranch(layer.AttentionOutputNorm, layer.Output.Bias);
    }

    /// <summary>Job: bias, norm and rope of the rows of one part, and their keys and values into the store.</summary>
    private void PrepareHeads(int part, int parts)
    {
        RequireStep();
        var layer = _weights.Layers[_layer];
        var (queries, keys) = (_spec.Heads * _spec.HeadDim, _spec.KvHeads * _spec.HeadDim);
        for (var row = part; row < _batch.RowCount; row += parts)
        {
            Prepare(row, _workspace.Queries.AsSpan(row * queries, queries), layer.Query.Bias, layer.QueryNorm);
            Prepare(row, _workspace.Keys.AsSpan(row * keys, keys), layer.Key.Bias, layer.KeyNorm);
            if (layer.Value.Bias is not null)
            {
                Kernels.Add(_workspace.Values.AsSpan(row * keys, keys), layer.Value.Bias);
            }

            Store(row);
        }
    }

    private void Prepare(int row, Span<float> heads, float[]? bias, float[]? norm)
    {
        RequireStep();
        if (bias is not null)
        {
            Kernels.Add(heads, bias);
        }

        var pairs = _spec.RotatedDims / 2;
        var angles = ((_spec.Layers[_layer].Rope * _workspace.Rows) + row) * pairs;
        for (var start = 0; start < heads.Length; start += _spec.HeadDim)
        {
            var head = heads.Slice(start, _spec.HeadDim);
            if (norm is not null)
            {
                Kernels.RmsNorm(head, norm, _spec.NormEpsilon, head);
            }

            Kernels.Rotate(head, _workspace.Cos.AsSpan(angles, pairs), _workspace.Sin.AsSpan(angles, pairs));
        }
    }

    private void Store(int row)
    {
        RequireStep();
        var position = _batch.Positions[row];
        var block = _batch.BlockTable(row)[position / KvStore.BlockSize];
        for (var head = 0; head < _spec.KvHeads; head++)
        {
            var start = ((row * _spec.KvHeads) + head) * _spec.HeadDim;
            _kv.Write(
                _layer, block, position % KvStore.BlockSize, head,
                _workspace.Keys.AsSpan(start, _spec.HeadDim), _workspace.Values.AsSpan(start, _spec.HeadDim));
        }
    }

    /// <summary>
    /// Job: rows and kv heads dealt out in turn, because later rows of a chunk see more keys than earlier ones.
    /// </summary>
    private void Attend(int part, int parts)
    {
        RequireStep();
        var group = _spec.Heads / _spec.KvHeads * _spec.HeadDim; // floats of the query heads that share a kv head
        for (var item = part; item < _batch.RowCount * _spec.KvHeads; item += parts)
        {
            var (row, head) = (item / _spec.KvHeads, item % _spec.KvHeads);
            Kernels.Attend(
                new KvPages(_kv, _layer, head, _batch.BlockTable(row)),
                new AttentionMask(_batch.Positions[row], _spec.Layers[_layer].Window),
                _attentionScale,
                _workspace.Queries.AsSpan(item * group, group),
                _workspace.Attended.AsSpan(item * group, group));
        }
    }

    /// <summary>Multiply-adds of all rows' scores and sums.</summary>
    private long AttentionWork(LayerSpec layer)
    {
        RequireStep();
        var keys = 0L;
        foreach (var position in _batch.Positions)
        {
            keys += layer.Window > 0 ? Math.Min(position + 1, layer.Window) : position + 1;
        }

        return keys * 2 * _spec.Heads * _spec.HeadDim;
    }
}
