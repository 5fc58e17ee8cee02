using System.Numerics;
using Stoker.Engine.Tokenization.AddedTokens;
using Stoker.Engine.Tokenization.Bpe;

namespace Stoker.Engine.Tokenization.Tables;

/// <summary>
/// Holds the parts against each other: extents, and every number of the small ones. Indices inside the large ones are
/// not walked (the checksum has found damage, and the bound checks of a span stop a forged one where it is used).
/// </summary>
internal static class TablesCheck
{
    private const int LeastSlots = 16;

    public static void Check(TokenizerTables tables)
    {
        Require(tables.Bytes(TablePart.Model).Length == ModelRecord.SizeBytes, TablePart.Model, "has the wrong size");
        var model = tables.Model;
        Require(model.Size > 0, TablePart.Model, "has no tokens");
        Require((model.Options & ~ModelOptions.All) == 0 && model.Reserved == 0, TablePart.Model, "has options that are not known");
        Require(model.UnknownId >= -1 && model.UnknownId < model.Size, TablePart.Model, "has an unknown token outside the vocabulary");
        var texts = (long)model.Size + 1;
        RequireItems(tables, TablePart.TextOffsets, sizeof(int), texts);
        RequireItems(tables, TablePart.ValueOffsets, sizeof(int), texts);
        RequireItems(tables, TablePart.Flags, 1, model.Size);
        RequireSlots(tables, TablePart.TextSlots, sizeof(int));
        RequireSlots(tables, TablePart.Merges, MergeEntry.SizeBytes);
        if (tables.Bytes(TablePart.PieceOffsets).Length > 0)
        {
            RequireItems(tables, TablePart.PieceOffsets, sizeof(int), texts);
            RequireSlots(tables, TablePart.PieceSlots, sizeof(int));
        }

        RequireIds(tables, TablePart.ByteIds, least: -1);
        var bytes = tables.Ints(TablePart.ByteIds).Length;
        Require(bytes == 256 || (bytes == 0 && !model.Options.HasFlag(ModelOptions.Bytes)), TablePart.ByteIds, "must have 256 ids");
        RequireIds(tables, TablePart.Before, least: 0);
        RequireIds(tables, TablePart.After, least: 0);
        CheckAdded(tables, TablePart.RawTokens, TablePart.RawTokenBytes);
        CheckAdded(tables, TablePart.NormalizedTokens, TablePart.NormalizedTokenBytes);
    }

    /// <summary>Few even in large files, and the matcher reads the first byte of each as soon as it is made.</summary>
    private static void CheckAdded(TokenizerTables tables, TablePart part, TablePart bytesPart)
    {
        RequireItems(tables, part, AddedTokenEntry.SizeBytes, tables.Items<AddedTokenEntry>(part).Length);
        var (bytes, size) = (tables.Bytes(bytesPart).Length, tables.Model.Size);
        foreach (ref readonly var entry in tables.Items<AddedTokenEntry>(part).Span)
        {
            var inside = entry.Start >= 0 && entry.Length > 0 && entry.Start <= bytes - entry.Length;
            Require(inside && (uint)entry.Id < (uint)size, part, "has an entry outside its bytes or the vocabulary");
        }
    }

    private static void RequireIds(TokenizerTables tables, TablePart part, int least)
    {
        var ids = tables.Ints(part);
        RequireItems(tables, part, sizeof(int), ids.Length);
        foreach (var id in ids.Span)
        {
            Require(id >= least && id < tables.Model.Size, part, "has an id outside the vocabulary");
        }
    }

    private static void RequireItems(TokenizerTables tables, TablePart part, int itemBytes, long count) =>
        Require(tables.Bytes(part).Length == count * itemBytes, part, $"must have {count} items");

    private static void RequireSlots(TokenizerTables tables, TablePart part, int itemBytes)
    {
        var slots = tables.Bytes(part).Length / itemBytes;
        Require(slots >= LeastSlots && BitOperations.IsPow2(slots), part, $"has {slots} slots, which is no power of two");
        RequireItems(tables, part, itemBytes, slots);
    }

    private static void Require(bool holds, TablePart part, string reason)
    {
        if (!holds) throw new ModelLoadException(TablesFormat.Name, part.ToString(), reason);
    }
}
