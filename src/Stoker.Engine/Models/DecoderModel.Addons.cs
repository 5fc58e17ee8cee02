using Stoker.Engine.Addons;
using Stoker.Engine.Kernels;

namespace Stoker.Engine.Models;

/// <remarks>
/// Addons: which rows have one, and what it adds to each product. The base's matrices run once over all rows; without a row
/// that has an addon nothing here costs more than a comparison.
/// </remarks>
internal sealed partial class DecoderModel
{
    private readonly AddonSlots? _addons;

    // Of the step in progress: of all rows, and of those that go on behind the last layer's keys and values.
    private LowRankRows? _addonRows;
    private LowRankRows? _addonRowsWithLogits;
    private LowRankRows? _changedRows; // of the two the one that counts now; null: no row has an addon
    private LowRankProduct? _change;
    private LowRankProduct? _downChange;

    private long AddonBytesPerRow => _addons is null
        ? 0
        : (2 * LowRankRows.BytesPerRow) + LowRankProduct.BytesPerRow(_widths.LargestInput, _addons.MaxWidth)
            + LowRankProduct.BytesPerRow(_spec.IntermediateSize, _addons.MaxRank);

    private long AddonRowBytes => (_change?.SizeBytes ?? 0) + (_downChange?.SizeBytes ?? 0);

    private void ReserveAddons(int rows)
    {
        if (_addons is null) return;
        DisposeAddons();
        (_addonRows, _addonRowsWithLogits) = (new(rows), new(rows));
        _change = new(Kernels, rows, _widths.LargestInput, _addons.MaxWidth);
        _downChange = new(Kernels, rows, _spec.IntermediateSize, _addons.MaxRank);
    }

    private void DisposeAddons()
    {
        _change?.Dispose();
        _downChange?.Dispose();
    }

    private void NoteAddons()
    {
        _changedRows = null;
        if (!Batch.HasAddons) return;
        if (_addons is null) throw new ArgumentException("a row has an addon, and this model was opened without", nameof(Batch));
        (_changedRows, var withLogits) = (_addonRows!, _addonRowsWithLogits!);
        _changedRows.Clear();
        withLogits.Clear();
        for (var row = 0; row < Batch.RowCount; row++) Note(_changedRows, row, row);
        for (var index = 0; index < Batch.LogitRowCount; index++) Note(withLogits, index, Batch.RowsWithLogits[index]);
        _changedRows.Close();
        withLogits.Close();
    }

    private void Note(LowRankRows rows, int row, int batchRow)
    {
        if (Batch.AddonOf(batchRow) is var addon && addon != StepBatch.NoAddon) rows.Add(row, addon);
    }

    /// <summary>What addons add to a product of this layer; null where none does.</summary>
    private LowRankProduct? Change(AddonPlace place, int columns) => Begin(_change, place, columns);

    private GatedChanges MlpChanges() => new(
        Begin(_change, AddonPlace.GateUp, _spec.HiddenSize), Begin(_downChange, AddonPlace.Down, _spec.IntermediateSize));

    private LowRankProduct? Begin(LowRankProduct? change, AddonPlace place, int columns)
    {
        if (_changedRows is null) return null;
        change!.Begin(_changedRows, columns);
        for (var block = 0; block < _changedRows.BlockCount; block++)
        {
            change.Set(block, _addons!.At(_changedRows.Blocks[block].Addon).At(_layer, place));
        }

        return change.IsActive ? change : null;
    }
}
