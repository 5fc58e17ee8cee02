using System.Net;
using System.Text;
using Stoker.Testing;

namespace Firectl.Tests;

/// <summary>One run of firectl with a home directory, an environment and a network of the test's own.</summary>
internal sealed class FirectlRun : IDisposable
{
    private readonly DirectoryInfo _home = Directory.CreateTempSubdirectory("firectl");
    private readonly StringWriter _output = new();
    private readonly StringWriter _errors = new();
    private readonly FakeNetwork _network = new();

    public string Home => _home.FullName;

    public Dictionary<string, string> Environment { get; } = new(StringComparer.Ordinal) { ["FIREWORKS_BASE_URL"] = "http://stoker.test", ["FIREWORKS_API_KEY"] = "fw_test" };

    public ManualTime Time { get; } = new(new DateTimeOffset(2030, 1, 1, 12, 0, 0, TimeSpan.Zero));

    public string Output => _output.ToString();

    public string Errors => _errors.ToString();

    public IReadOnlyList<SentRequest> Sent => _network.Sent;

    /// <summary>
    /// What the server answers to a method and a path with its query; answers of the same key are used in turn, the
    /// last one again and again.
    /// </summary>
    public FirectlRun Answer(string methodAndPath, string json, HttpStatusCode status = HttpStatusCode.OK)
    {
        _network.Add(methodAndPath, new(status, json));
        return this;
    }

    public FirectlRun AnswerWhoAmI() =>
        Answer("GET /v1/whoami", """{"account":"accounts/team","user":"accounts/team/users/admin","role":"admin","keyId":"k1"}""");

    public void WriteFile(string path, string content)
    {
        var full = Path.Combine(Home, path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        File.WriteAllText(full, content);
    }

    /// <param name="commandLine">Words separated by single spaces; none of them has a space in it.</param>
    public Task<int> RunAsync(string commandLine) =>
        RunAsync(commandLine.Split(' ', StringSplitOptions.RemoveEmptyEntries));

    public Task<int> RunAsync(params string[] args) => RunAsync(default, args);

    public Task<int> RunAsync(CancellationToken cancellation, params string[] args) => FirectlProgram.RunAsync(args, Context, cancellation);

    private FirectlContext Context => new()
    {
        Output = _output,
        Errors = _errors,
        Environment = Environment,
        Home = Home,
        IsTerminal = false,
        Time = Time,
        Network = _network,
    };

    public void Dispose()
    {
        _network.Dispose();
        _home.Delete(recursive: true);
    }
}

/// <summary>A request as it left the program.</summary>
internal sealed record SentRequest(string Method, Uri Address, string? Key, string Body)
{
    public string MethodAndPath => $"{Method} {Address.PathAndQuery}";
}

/// <summary>A network that knows a few answers, and refuses the rest as an absent server does.</summary>
internal sealed class FakeNetwork : HttpMessageHandler
{
    private readonly Dictionary<string, Queue<(HttpStatusCode Status, string Json)>> _answers = new(StringComparer.Ordinal);
    private readonly List<SentRequest> _sent = [];

    public IReadOnlyList<SentRequest> Sent => _sent;

    public void Add(string methodAndPath, (HttpStatusCode Status, string Json) answer)
    {
        if (!_answers.TryGetValue(methodAndPath, out var queue)) _answers[methodAndPath] = queue = new();
        queue.Enqueue(answer);
    }

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var body = request.Content is null ? "" : await request.Content.ReadAsStringAsync(cancellationToken);
        var sent =
            new SentRequest(request.Method.Method, request.RequestUri!, request.Headers.Authorization?.Parameter, body);
        _sent.Add(sent);
        if (!_answers.TryGetValue(sent.MethodAndPath, out var answers))
        {
            throw new HttpRequestException($"nothing was prepared for {sent.MethodAndPath}");
        }

        var (status, json) = answers.Count > 1 ? answers.Dequeue() : answers.Peek();
        return new HttpResponseMessage(status) { Content = new StringContent(json, Encoding.UTF8, "application/json") };
    }
}
