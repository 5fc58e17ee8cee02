using System.Diagnostics.CodeAnalysis;
using Stoker.Engine.Kernels;
using Stoker.Engine.Models;

namespace Stoker.Engine.KvCache;

/// <summary>New keys and values of a step into the store, on the whole team.</summary>
/// <remarks>
/// Dealt out by block and kv head: positions of one block share cache lines and, as values, pairs of elements, so a block
/// has one writer.
/// </remarks>
internal sealed unsafe class KvWriter
{
    /// <summary>
    /// What one number written counts against the team's bound of multiply-adds: conversion and scattered stores.
    /// </summary>
    private const int WorkPerNumber = 8;

    private readonly ThreadTeam _team;
    private readonly Run[] _runs;
    private readonly Action<int, int> _writePart;
    private int _runCount;
    private StepBatch? _batch;
    private KvStore? _kv;
    private int _layer;
    private float* _keys;
    private float* _values;
    private int _stride;

    /// <param name="maxRows">Rows of a step at most.</param>
    public KvWriter(ThreadTeam team, int maxRows)
    {
        (_team, _runs) = (team, new Run[maxRows]);
        _writePart = WritePart; // made once: a step allocates nothing
    }

    /// <summary>Writes all rows of the batch in all kv heads.</summary>
    /// <param name="keys">[rows, kv heads · head dim], rows <paramref name="stride"/> apart; so are the values.</param>
    public void Write(StepBatch batch, KvStore kv, int layer, float* keys, float* values, int stride)
    {
        (_batch, _kv, _layer, _stride) = (batch, kv, layer, stride);
        _keys = keys;
        _values = values;
        FindRuns(batch);
        if ((long)batch.RowCount * kv.Shape.KvHeads * kv.Shape.HeadDim * 2 * WorkPerNumber < _team.MinimumWork)
        {
            WritePart(0, 1);
        }
        else
        {
            _team.Run(_writePart);
        }

        (_batch, _kv) = (null, null);
    }

    /// <summary>The same from managed buffers.</summary>
    /// <param name="apart">Null: rows follow each other without a gap.</param>
    public void Write(StepBatch batch, KvStore kv, int layer, ReadOnlySpan<float> keys, ReadOnlySpan<float> values, int? apart = null)
    {
        var width = kv.Shape.KvHeads * kv.Shape.HeadDim;
        var stride = apart ?? width;
        ArgumentOutOfRangeException.ThrowIfLessThan(stride, width, nameof(apart));
        ArgumentOutOfRangeException.ThrowIfLessThan(keys.Length, ((batch.RowCount - 1L) * stride) + width, nameof(keys));
        ArgumentOutOfRangeException.ThrowIfLessThan(values.Length, ((batch.RowCount - 1L) * stride) + width, nameof(values));
        fixed (float* firstKey = keys, firstValue = values)
        {
            Write(batch, kv, layer, firstKey, firstValue, stride);
        }
    }

    private void FindRuns(StepBatch batch)
    {
        _runCount = 0;
        for (var sequence = 0; sequence < batch.SequenceCount; sequence++)
        {
            var (row, rows) = batch.RowsOf(sequence);
            for (var end = row + rows; row < end;)
            {
                var position = batch.Positions[row];
                var count = Math.Min(end - row, KvStore.BlockSize - (position % KvStore.BlockSize));
                _runs[_runCount++] = new Run(row, position, count);
                row += count;
            }
        }
    }

    private void WritePart(int part, int parts)
    {
        RequireStep();
        for (var item = part; item < _runCount * _kv.Shape.KvHeads; item += parts)
        {
            var (run, head) = (_runs[item / _kv.Shape.KvHeads], item % _kv.Shape.KvHeads);
            var at = ((long)run.Row * _stride) + (head * _kv.Shape.HeadDim);
            _kv.Write(_layer, head, _batch.BlockTable(run.Row), run.Position, run.Count, _keys + at, _values + at, _stride);
        }
    }

    [MemberNotNull(nameof(_batch), nameof(_kv))]
    private void RequireStep()
    {
        if (_batch is null || _kv is null)
        {
            throw new InvalidOperationException("no step is in progress");
        }
    }

    /// <summary>Rows of one sequence that lie in one block.</summary>
    private readonly record struct Run(int Row, int Position, int Count);
}
