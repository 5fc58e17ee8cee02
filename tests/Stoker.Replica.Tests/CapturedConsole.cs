namespace Stoker.Replica.Tests;

/// <summary>What the process writes to its console until disposal, other tests' lines included.</summary>
internal sealed class CapturedConsole : IDisposable
{
    private readonly TextWriter _out = Console.Out, _error = Console.Error;
    private readonly StringWriter _text = new();

    public CapturedConsole()
    {
        var shared = TextWriter.Synchronized(_text);
        Console.SetOut(shared);
        Console.SetError(shared);
    }

    public string Text => _text.ToString();

    public void Dispose()
    {
        Console.SetOut(_out);
        Console.SetError(_error);
    }
}
