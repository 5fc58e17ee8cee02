using Microsoft.AspNetCore.Routing.Patterns;
using Stoker.ControlPlane.Audit;

namespace Stoker.ControlPlane.Tests.Audit;

public class AuditMethodTests
{
    [Theory]
    [InlineData("POST", "/v1/accounts", "CreateAccount")]
    [InlineData("PATCH", "/v1/accounts/{account}", "UpdateAccount")]
    [InlineData("POST", "/v1/accounts/{account}/deployments/", "CreateDeployment")]
    [InlineData("DELETE", "/v1/accounts/{account}/deployments/{deployment}", "DeleteDeployment")]
    [InlineData("PATCH", "/v1/accounts/{account}/deployments/{deployment}:scale", "ScaleDeployment")]
    [InlineData("POST", "/v1/accounts/{account}/users/{user}/apiKeys:delete", "DeleteApiKey")]
    [InlineData("POST", "/v1/accounts/{account}/models/{model}:getUploadEndpoint", "GetModelUploadEndpoint")]
    [InlineData("GET", "/v1/accounts/{account}/models/{model}:validateUpload", "ValidateUploadModel")]
    [InlineData("PUT", "/v1/accounts/{account}/models/{model}/files/{file}", "PutFile")]
    [InlineData("POST", "/v1/validateModelConfig", "CreateValidateModelConfig")]
    public void A_route_is_named_as_an_apis_method(string verb, string pattern, string name) =>
        AuditMethod.NameOf(verb, RoutePatternFactory.Parse(pattern)).ShouldBe(name);
}
