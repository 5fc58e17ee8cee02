namespace Stoker.Engine.Models;

/// <remarks>The MLP: dense, or a mixture in which each expert runs once over all rows that chose it.</remarks>
internal sealed partial class DecoderModel
{
    private void AddMlp(LayerWeights layer)
    {
        if (layer.Router is null)
        {
            var mlp = layer.Mlps[0];
            _norm = layer.MlpNorm;
            _parallel.ProjectGated(
                mlp.GateUp, mlp.Down.Weight, _normedRow, _rows, Workspace.Branch.First(_rows), _spec.HiddenSize, MlpChanges());
            FinishStream();
            _branch = new PendingBranch(true, mlp.Down.Bias, layer.MlpOutputNorm);
        }
        else
        {
            RunExperts(layer);
            _branch = new PendingBranch(true, null, layer.MlpOutputNorm);
        }
    }

    /// <summary>
    /// Experts in ascending order, so that a row's sum has the same order whatever its neighbours chose.
    /// </summary>
    private void RunExperts(LayerWeights layer)
    {
        var experts = _spec.Experts!;
        _norm = layer.MlpNorm;
        _parallel.Run(_normRows, (long)_rows * _spec.HiddenSize * ValueWork);
        FinishStream();
        _parallel.Project(layer.Router!, _routedRow, _rows, Workspace.RouterLogits.First(_rows), experts.Count);
        for (var row = 0; row < _rows; row++)
        {
            ExpertRouter.Choose(Workspace.RouterLogits[row], experts.PerToken, Workspace.ExpertShares[row]);
        }

        Workspace.Branch.First(_rows).Clear();
        for (var expert = 0; expert < experts.Count; expert++)
        {
            var chosen = GatherRows(expert);
            if (chosen > 0)
            {
                var mlp = layer.Mlps[expert];
                _parallel.ProjectGated(
                    mlp.GateUp, mlp.Down.Weight, _expertRow, chosen, Workspace.ExpertOutput.First(chosen), _spec.HiddenSize);
                ScatterRows(expert, chosen);
            }
        }
    }

    /// <summary>Job: the norms of all rows, from which every expert takes its own.</summary>
    private void NormRows(int part, int parts)
    {
        for (var row = part; row < _rows; row += parts)
        {
            NormedRow(row, Workspace.Normed[row], publish: true);
        }
    }

    /// <summary>Row source: a row as the router sees it.</summary>
    private void RoutedRow(int row, Span<float> target, bool publish) => Workspace.Normed[row].CopyTo(target);

    /// <summary>Row source: the i-th row that chose the expert.</summary>
    private void ExpertRow(int row, Span<float> target, bool publish) => Workspace.Normed[Workspace.ExpertRows[row]].CopyTo(target);

    private int GatherRows(int expert)
    {
        var count = 0;
        for (var row = 0; row < _rows; row++)
        {
            if (Workspace.ExpertShares[row][expert] != 0)
            {
                Workspace.ExpertRows[count++] = row;
            }
        }

        return count;
    }

    private void ScatterRows(int expert, int count)
    {
        for (var i = 0; i < count; i++)
        {
            var row = Workspace.ExpertRows[i];
            Kernels.AddScaled(Workspace.Branch[row], Workspace.ExpertOutput[i], Workspace.ExpertShares[row][expert]);
        }
    }
}
