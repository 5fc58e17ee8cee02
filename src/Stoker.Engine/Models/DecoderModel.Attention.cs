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
        _kvWriter.Write(_batch, _kv, _layer, _workspace.Keys, _workspace.Values);
        _attention.Run(
            _batch, _kv, _layer, _spec.Layers[_layer].Window, _attentionScale, _workspace.Queries, _spec.Heads * _spec.HeadDim,
            _workspace.Attended);
        _parallel.Multiply(layer.Output.Weight, _workspace.Attended, rows, _workspace.Branch);
        AddBranch(layer.AttentionOutputNorm, layer.Output.Bias);
    }

    /// <summary>Job: bias, norm and rope of the rows of one part.</summary>
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
}
