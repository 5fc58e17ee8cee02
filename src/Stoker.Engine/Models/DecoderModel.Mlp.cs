namespace Stoker.Engine.Models;

/// <remarks>The MLP: dense, or a mixture in which each expert runs once over all rows that chose it.</remarks>
internal sealed partial class DecoderModel
{
    private void AddMlp(LayerWeights layer)
    {
        RequireStep();
        NormStream(layer.MlpNorm);
        if (layer.Router is null)
        {
            RunMlp(layer.Mlps[0], _workspace.Normed, _batch.RowCount, _workspace.Branch);
            AddBranch(layer.MlpOutputNorm, layer.Mlps[0].Down.Bias);
        }
        else
        {
            RunExperts(layer);
            AddBranch(layer.MlpOutputNorm, null);
        }
    }

    /// <summary>output = down( act(gate x) · (up x) ), the bias of down not yet added.</summary>
    private void RunMlp(MlpWeights mlp, ReadOnlySpan<float> input, int rows, Span<float> output)
    {
        RequireStep();
        _parallel.Multiply(
            mlp.Gate.Weight, _workspace.Gate, mlp.Up.Weight, _workspace.Up, null, default, input, rows);
        AddRowBias(_workspace.Gate, mlp.Gate.Bias, rows);
        AddRowBias(_workspace.Up, mlp.Up.Bias, rows);
        _mlpRows = rows;
        _parallel.Run(_activate, (long)rows * _spec.IntermediateSize * 8); // an exponential costs some 8 multiply-adds
        _parallel.Multiply(mlp.Down.Weight, _workspace.Gate, rows, output);
    }

    /// <summary>Job: act(gate) · up for the rows of one part.</summary>
    private void Activate(int part, int parts)
    {
        RequireStep();
        var inner = _spec.IntermediateSize;
        for (var row = part; row < _mlpRows; row += parts)
        {
            var gate = _workspace.Gate.AsSpan(row * inner, inner);
            var up = _workspace.Up.AsSpan(row * inner, inner);
            if (_spec.Activation == Activation.Silu)
            {
                Kernels.SiluMultiply(gate, up);
            }
            else
            {
                Kernels.GeluMultiply(gate, up);
            }
        }
    }

    private void AddRowBias(float[] values, float[]? bias, int rows)
    {
        for (var row = 0; bias is not null && row < rows; row++)
        {
            Kernels.Add(values.AsSpan(row * bias.Length, bias.Length), bias);
        }
    }

    /// <summary>
    /// Experts in ascending order, so that a row's sum has the same order whatever its neighbours chose.
    /// </summary>
    private void RunExperts(LayerWeights layer)
    {
        RequireStep();
        var (rows, hidden, experts) = (_batch.RowCount, _spec.HiddenSize, _spec.Experts!);
        _parallel.Multiply(layer.Router!, _workspace.Normed, rows, _workspace.RouterLogits);
        for (var row = 0; row < rows; row++)
        {
            ExpertRouter.Choose(
                _workspace.RouterLogits.AsSpan(row * experts.Count, experts.Count), experts.PerToken,
                _workspace.ExpertShares.AsSpan(row * experts.Count, experts.Count));
        }

        _workspace.Branch.AsSpan(0, rows * hidden).Clear();
        for (var expert = 0; expert < experts.Count; expert++)
        {
            var chosen = GatherRows(expert);
            if (chosen > 0)
            {
                RunMlp(layer.Mlps[expert], _workspace.ExpertInput, chosen, _workspace.ExpertOutput);
                ScatterRows(expert, chosen);
            }
        }
    }

    private int GatherRows(int expert)
    {
        RequireStep();
        var (hidden, count) = (_spec.HiddenSize, 0);
        for (var row = 0; row < _batch.RowCount; row++)
        {
            if (_workspace.ExpertShares[(row * _spec.Experts!.Count) + expert] != 0)
            {
                _workspace.Normed.AsSpan(row * hidden, hidden).CopyTo(_workspace.ExpertInput.AsSpan(count * hidden));
                _workspace.ExpertRows[count++] = row;
            }
        }

        return count;
    }

    private void ScatterRows(int expert, int count)
    {
        RequireStep();
        var hidden = _spec.HiddenSize;
        for (var i = 0; i < count; i++)
        {
            var row = _workspace.ExpertRows[i];
            Kernels.AddScaled(
                _workspace.Branch.AsSpan(row * hidden, hidden), _workspace.ExpertOutput.AsSpan(i * hidden, hidden),
                _workspace.ExpertShares[(row * _spec.Experts!.Count) + expert]);
        }
    }
}
