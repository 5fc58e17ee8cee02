using System.Runtime.CompilerServices;
using Stoker.Engine.Addons;

namespace Stoker.Engine.Models;

/// <remarks>
/// Attention: q, k, v of all rows; bias, norm and rope; new keys and values into the store; then each row attends.
/// </remarks>
internal sealed partial class DecoderModel
{
    private void AddAttention(LayerWeights layer)
    {
        ProjectStream(
            layer.Qkv.Weight, layer.AttentionNorm, Workspace.Qkv.First(_rows), _widths.Qkv, change: Change(AddonPlace.Qkv, _spec.HiddenSize));
        _parallel.Run(_prepareHeads, (long)_rows * _widths.Qkv * ValueWork);
        // All keys of the step are in the store before any row looks: rows of one chunk see each other there.
        WriteKeysAndValues();
        if (_layer == _weights.Layers.Length - 1 && !_keepsStates)
        {
            (_rows, _gather) = (Batch.LogitRowCount, true);
            if (_changedRows is not null) _changedRows = _addonRowsWithLogits;
        }

        if (_rows > 0)
        {
            Attention.Run(
                Batch, Kv, _layer, _spec.Layers[_layer].Window, _attentionScale, Workspace.Qkv.First(Batch.RowCount), _widths.Qkv,
                Workspace.Attended.First(Batch.RowCount));
            var branch = Workspace.Branch.First(_rows);
            var change = Change(AddonPlace.Output, _widths.Queries);
            if (_gather || change is not null)
            {
                _parallel.Project(layer.Output.Weight, _attendedRow, _rows, branch, _spec.HiddenSize, change: change);
            }
            else
            {
                _parallel.Project(layer.Output.Weight, Workspace.Attended.First(_rows), _rows, branch, _spec.HiddenSize);
            }

            _branch = new PendingBranch(true, layer.Output.Bias, layer.AttentionOutputNorm);
        }
    }

    private void WriteKeysAndValues()
    {
        var qkv = Workspace.Qkv.First(_rows);
        KvWriter.Write(Batch, Kv, _layer, qkv[_widths.Queries..], qkv[(_widths.Queries + _widths.Keys)..], _widths.Qkv);
    }

    /// <summary>Job: bias, norm and rope of q and k; by rows and kv heads.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void PrepareHeads(int part, int parts)
    {
        var (layer, dim) = (_weights.Layers[_layer], _spec.HeadDim);
        var group = _spec.Heads / _spec.KvHeads * dim; // values of the query heads that share a kv head
        for (var item = part; item < _rows * _spec.KvHeads; item += parts)
        {
            var (row, head) = (item / _spec.KvHeads, item % _spec.KvHeads);
            var qkv = Workspace.Qkv[row];
            var (query, key, value) = (head * group, _widths.Queries + (head * dim), _widths.Queries + _widths.Keys + (head * dim));
            AddBias(qkv.Slice(query, group), layer.Qkv.Bias, query);
            AddBias(qkv.Slice(key, dim), layer.Qkv.Bias, key);
            AddBias(qkv.Slice(value, dim), layer.Qkv.Bias, value);
            Turn(row, qkv.Slice(query, group), layer.QueryNorm);
            Turn(row, qkv.Slice(key, dim), layer.KeyNorm);
        }
    }

    private void AddBias(Span<float> values, float[]? bias, int first)
    {
        if (bias is not null)
        {
            Kernels.Add(values, bias.AsSpan(first, values.Length));
        }
    }

    /// <summary>Norm and rope, head by head.</summary>
    private void Turn(int row, Span<float> heads, float[]? norm)
    {
        var pairs = _spec.RotatedDims / 2;
        var first = _spec.Layers[_layer].Rope * pairs;
        var cos = Workspace.Cos[row].Slice(first, pairs);
        var sin = Workspace.Sin[row].Slice(first, pairs);
        for (var start = 0; start < heads.Length; start += _spec.HeadDim)
        {
            var head = heads.Slice(start, _spec.HeadDim);
            if (norm is not null)
            {
                Kernels.RmsNorm(head, norm, _spec.NormEpsilon, head);
            }

            Kernels.Rotate(head, cos, sin);
        }
    }

    /// <summary>Row source: what attention gave to the rows that go on.</summary>
    private void AttendedRow(int row, Span<float> target, bool publish) => Workspace.Attended[StreamRow(row)].CopyTo(target);
}
