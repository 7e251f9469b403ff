import numpy as np

class Activation:
    # activation_function: 'sigmoid', 'relu', 'softmax' or 'linear'
    def __init__(self, activation_function, loss_function):
        if activation_function not in ['sigmoid', 'relu', 'softmax', 'linear']:
            raise ValueError('unknown activation ' + str(activation_function))
        self.activation_function = activation_function
        self.loss_function = loss_function

    def forward(self, Z):
        out = []
        for z in Z:  # one sample after the other
            if self.activation_function == 'sigmoid':
                out.append(1 / (1 + np.exp(-z)))
            elif self.activation_function == 'relu':
                out.append(z * (z > 0))
            elif self.activation_function == 'softmax':
                e = np.exp(z - max(z))
                out.append(e / sum(e))
            else:
                out.append(z)
        self.result = np.array(out)
        return self.result

    def backward(self, dA=None, Y=None):
        grads = []
        for i in range(len(self.result)):
            a = self.result[i]
            if self.activation_function == 'softmax':
                grads.append(a - Y[i])
            elif self.activation_function == 'sigmoid':
                grads.append(dA[i] * a * (1 - a))
            elif self.activation_function == 'relu':
                grads.append(np.where(a > 0, dA[i], 0))
            else:
                grads.append(dA[i])
        return np.array(grads)
