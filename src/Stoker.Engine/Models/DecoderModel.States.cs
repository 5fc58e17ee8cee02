using Stoker.Engine.Kernels;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Models;

/// <remarks>
/// States: what the head multiplies, of every row of a step, for a drafter that goes on from there. Rows without logits then pass the
/// whole last layer too. Logits are the same bits with and without.
/// </remarks>
internal sealed partial class DecoderModel
{
    private bool _keepsStates;
    private RowBuffer? _states;
    private Action<int, int>? _writeStates;
    private RowSource? _stateRow;

    /// <summary>[vocabulary, hidden]; with a tied head that one.</summary>
    public PanelMatrix Embedding => _weights.Embedding;

    public PanelMatrix Head => _weights.Head;

    /// <summary>Memory that states take for each row of the largest batch.</summary>
    public long StateBytesPerRow => (long)_spec.HiddenSize * sizeof(float);

    /// <summary>From the next step on. Before the first one: its buffers are made then.</summary>
    public void KeepStates()
    {
        if (_workspace is not null) throw new InvalidOperationException("a step was computed without states");
        (_keepsStates, _writeStates, _stateRow) = (true, WriteStates, StateRow);
    }

    /// <summary>Nobody reads them any more: from the next step on none are made, and their memory is free. Between two steps.</summary>
    public void DropStates()
    {
        _states?.Dispose();
        (_keepsStates, _states) = (false, null);
    }

    /// <summary>The final norm's output of a row of the last step.</summary>
    public ReadOnlySpan<float> State(int row) => (_states ?? throw new InvalidOperationException("no states are kept"))[row];

    private void ReserveStates(int rows)
    {
        if (!_keepsStates) return;
        _states?.Dispose();
        _states = new RowBuffer(rows, _spec.HiddenSize);
    }

    private void ComputeStatesAndLogits(Span<float> logits)
    {
        _norm = _weights.FinalNorm;
        _parallel.Run(_writeStates!, (long)_rows * _spec.HiddenSize * ValueWork);
        FinishStream();
        if (Batch.LogitRowCount == 0) return;
        _parallel.Project(_weights.Head, _stateRow!, Batch.LogitRowCount, logits, _spec.VocabularySize, (float)_spec.FinalSoftCap);
    }

    /// <summary>Job: the final norm of all rows.</summary>
    private void WriteStates(int part, int parts)
    {
        for (var row = part; row < _rows; row += parts) NormedRow(row, _states![row], publish: true);
    }

    /// <summary>Row source: the state of the i-th row with logits.</summary>
    private void StateRow(int row, Span<float> target, bool publish) => _states![Batch.RowsWithLogits[row]].CopyTo(target);
}
