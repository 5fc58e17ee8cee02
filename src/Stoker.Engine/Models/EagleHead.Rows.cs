using System.Runtime.CompilerServices;
using Stoker.Engine.KvCache;

namespace Stoker.Engine.Models;

/// <remarks>What comes between the products, row by row.</remarks>
internal sealed partial class EagleHead
{
    /// <summary>Row source: the embedding of a pair's token, then its state.</summary>
    private void PairRow(int row, Span<float> target, bool publish)
    {
        _weights.Embedding.ReadRow(Batch.Tokens[row], target[.._spec.HiddenSize]);
        States[_slots[row]].CopyTo(target[_spec.HiddenSize..]);
    }

    /// <summary>Row source: the layer's input, which goes into attention as it is.</summary>
    private void InputRow(int row, Span<float> target, bool publish)
    {
        Workspace.Joined[row].CopyTo(target);
        if (_weights.Join.Bias is { } bias) _parallel.Kernels.Add(target, bias);
        if (publish) target.CopyTo(Workspace.Input[row]);
    }

    /// <summary>Row source: what attention gave to the i-th row with logits.</summary>
    private void AttendedRow(int row, Span<float> target, bool publish) => Workspace.Attended[Batch.RowsWithLogits[row]].CopyTo(target);

    /// <summary>Row source: the norm of input and attention.</summary>
    private void MlpRow(int row, Span<float> target, bool publish)
    {
        var sum = publish ? Workspace.Middle[row] : target;
        var input = Workspace.Input[Batch.RowsWithLogits[row]];
        _parallel.Kernels.AddRmsNorm(input, Workspace.Branch[row], _weights.MlpNorm, _spec.NormEpsilon, sum, target);
    }

    /// <summary>Row source: the g of the i-th row with logits.</summary>
    private void OwnRow(int row, Span<float> target, bool publish)
    {
        Workspace.MlpOutput[row].CopyTo(target);
        _parallel.Kernels.Add(target, Workspace.Middle[row]);
        if (publish) target.CopyTo(States[_firstOwn + row]);
    }

    private void FillAngles()
    {
        for (var row = 0; row < Batch.RowCount; row++) _rope.Read(Batch.Positions[row], Workspace.Cos[row], Workspace.Sin[row]);
    }

    /// <summary>Job: rope of q and k, head by head; by rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void TurnHeads(int part, int parts)
    {
        for (var row = part; row < Batch.RowCount; row += parts)
        {
            var heads = Workspace.Qkv[row][..(Workspace.QueryWidth + Workspace.KeyWidth)];
            for (var start = 0; start < heads.Length; start += _spec.HeadDim)
            {
                _parallel.Kernels.Rotate(heads.Slice(start, _spec.HeadDim), Workspace.Cos[row], Workspace.Sin[row]);
            }
        }
    }

    private void WriteKeysAndValues(KvStore kv)
    {
        var qkv = Workspace.Qkv.First(Batch.RowCount);
        _kvWriter!.Write(Batch, kv, 0, qkv[Workspace.QueryWidth..], qkv[(Workspace.QueryWidth + Workspace.KeyWidth)..], Workspace.QkvWidth);
    }

    private void Attend(KvStore kv) => _attention!.Run(
        Batch, kv, 0, window: 0, _attentionScale, Workspace.Qkv.First(Batch.RowCount), Workspace.QkvWidth, Workspace.Attended.First(Batch.RowCount));
}
