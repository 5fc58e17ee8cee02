namespace Stoker.Engine.Scheduling;

/// <summary>What a step computes, in the sizes that its time depends on.</summary>
/// <param name="Rows">Tokens that go through the model's matrices.</param>
/// <param name="Keys">Keys that the rows attend to, summed over rows: position + 1 of each.</param>
/// <param name="LogitRows">Rows that go through the output matrix, and mostly one sampled token each.</param>
internal readonly record struct StepWork(int Rows, long Keys, int LogitRows)
{
    /// <summary>Adds rows at consecutive positions of one sequence.</summary>
    public StepWork Plus(int firstPosition, int count, int logitRows) =>
        new(Rows + count, Keys + (count * (long)firstPosition) + (count * (count + 1L) / 2), LogitRows + logitRows);
}
