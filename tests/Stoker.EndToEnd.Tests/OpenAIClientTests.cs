using System.ClientModel;
using OpenAI;
using OpenAI.Chat;
using Stoker.EndToEnd.Tests.Harness;

namespace Stoker.EndToEnd.Tests;

/// <summary>The official client, unmodified, against the gateway.</summary>
public sealed class OpenAIClientTests : IAsyncLifetime
{
    private readonly Sandbox _sandbox = new();
    private StokerServerProcess _server = null!;
    private OpenAIClient _client = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await StokerServerProcess.StartAsync(_sandbox);
        await _server.DeployAsync("story");
        _client = new OpenAIClient(
            new ApiKeyCredential(_server.Key), new OpenAIClientOptions { Endpoint = new Uri(_server.Url, "inference/v1") });
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _sandbox.Dispose();
    }

    [Fact]
    public async Task Lists_models()
    {
        var models = await _client.GetOpenAIModelClient().GetModelsAsync(TestContext.Current.CancellationToken);
        models.Value.ShouldContain(model => model.Id.Contains("story-3m"));
    }

    [Fact]
    public async Task Chats()
    {
        var answer = await Chat().CompleteChatAsync(
            [new UserChatMessage("Tell me a story about Lily.")],
            new ChatCompletionOptions { MaxOutputTokenCount = 20, Temperature = 0 },
            TestContext.Current.CancellationToken);
        answer.Value.Content[0].Text.ShouldNotBeNullOrWhiteSpace();
        answer.Value.Usage.OutputTokenCount.ShouldBe(20);
        answer.Value.FinishReason.ShouldBe(ChatFinishReason.Length);
    }

    [Fact]
    public async Task A_prompt_that_comes_again_is_found_in_the_cache_and_answered_alike()
    {
        var options = new ChatCompletionOptions { MaxOutputTokenCount = 5, Temperature = 0 };
        ChatMessage[] messages = [new UserChatMessage(string.Join(' ', Enumerable.Repeat("Tell me a story about Lily and her dog.", 6)))];
        var first = (await Chat().CompleteChatAsync(messages, options, TestContext.Current.CancellationToken)).Value;
        var second = (await Chat().CompleteChatAsync(messages, options, TestContext.Current.CancellationToken)).Value;
        first.Usage.InputTokenDetails.CachedTokenCount.ShouldBe(0);
        second.Usage.InputTokenDetails.CachedTokenCount.ShouldBeInRange(32, second.Usage.InputTokenCount - 1);
        second.Content[0].Text.ShouldBe(first.Content[0].Text);
    }

    [Fact]
    public async Task Streams_the_text_that_it_gives_at_once()
    {
        var options = new ChatCompletionOptions { MaxOutputTokenCount = 40, Temperature = 0 };
        ChatMessage[] messages = [new UserChatMessage("Tell me a story about a dog.")];
        var whole = await Chat().CompleteChatAsync(messages, options, TestContext.Current.CancellationToken);

        var (streamed, updates, usage) = ("", 0, 0);
        await foreach (var update in Chat().CompleteChatStreamingAsync(messages, options, TestContext.Current.CancellationToken))
        {
            updates++;
            usage = update.Usage?.OutputTokenCount ?? usage;
            streamed += string.Concat(update.ContentUpdate.Select(part => part.Text));
        }

        streamed.ShouldBe(whole.Value.Content[0].Text);
        updates.ShouldBeGreaterThan(5);
        usage.ShouldBe(40);
    }

    [Fact]
    public async Task A_wrong_key_and_a_wrong_model_are_its_own_errors()
    {
        var stranger = new OpenAIClient(
            new ApiKeyCredential("fw_wrong"), new OpenAIClientOptions { Endpoint = new Uri(_server.Url, "inference/v1") });
        (await Should.ThrowAsync<ClientResultException>(() => stranger.GetChatClient("any").CompleteChatAsync("hello"))).Status.ShouldBe(401);
        (await Should.ThrowAsync<ClientResultException>(() => _client.GetChatClient("no-such-model").CompleteChatAsync("hello"))).Status.ShouldBe(404);
    }

    private ChatClient Chat() => _client.GetChatClient(StokerServerProcess.Address("story"));
}
