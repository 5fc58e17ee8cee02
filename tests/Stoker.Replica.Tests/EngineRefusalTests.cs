using Stoker.Engine;

namespace Stoker.Replica.Tests;

public sealed class EngineRefusalTests
{
    [Fact]
    public void Options_have_the_names_of_the_flags_and_paths_and_other_words_stay()
    {
        var error = new ArgumentException(
            "/models/Precision/Threads.d: StepTokens must be at least MaxSequences (32), was 1. Choose a smaller Precision. 'Threads'", "options");
        EngineRefusal.Line(error, ReplicaArguments.OfEngine).ShouldBe(
            "/models/Precision/Threads.d: --step-tokens must be at least --max-sequences (32), was 1. Choose a smaller --precision. 'Threads'");
    }

    [Fact]
    public void What_a_system_refuses_names_the_flag_and_what_a_file_says_stays_as_it_is()
    {
        Line(new InsufficientMemoryException("State a smaller MemoryBudgetBytes.")).ShouldBe("State a smaller --memory-bytes.");
        Line(new ModelLoadException("config.json", "Precision", "is not known")).ShouldContain("Precision");
    }

    [Fact]
    public void Every_flag_is_one_that_the_command_takes_and_every_name_an_option_of_the_engine()
    {
        foreach (var (option, flag) in ReplicaArguments.OfEngine)
        {
            (typeof(EngineOptions).GetProperty(option) ?? typeof(AddonOptions).GetProperty(option) ?? typeof(SpeculationOptions).GetProperty(option)).ShouldNotBeNull();
            ReplicaArguments.Usage.ShouldContain($"  {flag} ");
        }
    }

    private static string Line(Exception error) => EngineRefusal.Line(error, ReplicaArguments.OfEngine);
}
